// Hydrates the page: loads the WebAssembly that takes over the server-rendered HTML. If that is slow or fails, shows
// one of the sentences in #hydration, so that nobody waits for a dead button. While the user fills in a form of the first
// file, loads the file of the chat, which replaces the page when the user enters a chat.
(function () {
  // How long to wait before telling the user that the page is still loading, in milliseconds.
  var PATIENCE = 10000;
  var root = document.documentElement;
  var notice = document.getElementById("hydration");

  // `state`, also in the page's `data-hydration`, is "loading", "slow", "failed", "unsupported" or "done".
  function show(state) {
    // A page that has failed does not recover.
    if (root.dataset.hydration === "failed" || root.dataset.hydration === "unsupported") return;
    root.dataset.hydration = state;
    tell(state);
  }

  function tell(state) {
    notice.querySelectorAll("[data-when]").forEach(function (part) {
      part.hidden = part.dataset.when.split(" ").indexOf(state) < 0;
    });
    notice.hidden = state === "loading" || state === "done";
  }

  // Once the WebAssembly has trapped, nothing on the page works.
  function watchForTraps(error) {
    if (window.WebAssembly && error instanceof WebAssembly.RuntimeError) show("failed");
  }

  show("loading");
  notice.querySelector("button").addEventListener("click", function () {
    location.reload();
  });
  addEventListener("error", function (event) { watchForTraps(event.error); });
  addEventListener("unhandledrejection", function (event) { watchForTraps(event.reason); });
  if (!window.WebAssembly) {
    show("unsupported");
    return;
  }
  var slow = setTimeout(show, PATIENCE, "slow");
  // Every browser resolves the `href` property against the page's <base>. A relative address in `import()` would not
  // do: WebKit resolves it against the page's own address.
  var link = document.querySelector("link[rel=modulepreload]");
  var script = link.href;
  var wasm = document.querySelector("link[rel=preload][as=fetch]").href;
  var parsed = new Promise(function (resolve) {
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", resolve);
    else resolve();
  });
  // The module of the file that shows the page now.
  var page;
  // The script of the chat's file; undefined once that file shows the page.
  var chatScript = link.dataset.chat && new URL(link.dataset.chat, document.baseURI).href;
  var chatWasm = chatScript && new URL(link.dataset.chatWasm, document.baseURI).href;
  var chat;

  // Returns a promise of the chat's module, ready to show the page.
  function loadChat() {
    if (chat) return chat;
    var compiled = fetch(chatWasm)
      .then(function (answer) { return answer.arrayBuffer(); })
      .then(function (bytes) { return WebAssembly.compile(bytes); });
    chat = Promise.all([import(chatScript), compiled]).then(function (loaded) {
      return loaded[0].default({ module_or_path: loaded[1] }).then(function () { return loaded[0]; });
    });
    // Entering the chat tries again.
    chat.catch(function () { chat = undefined; });
    return chat;
  }

  function loadChatWhileTyping() {
    if (chatScript && document.querySelector("input:focus")) loadChat();
  }

  addEventListener("open-chat", function (event) {
    if (!chatScript) return;
    event.preventDefault();
    var address = location.href;
    var slow = setTimeout(tell, PATIENCE, "slow");
    function stopWaiting() {
      clearTimeout(slow);
      removeEventListener("popstate", stopWaiting);
      if (root.dataset.hydration === "done") tell("done");
    }
    addEventListener("popstate", stopWaiting);
    loadChat()
      .then(function (module) {
        stopWaiting();
        // The user may have gone back while the file was loading, and entered a chat again.
        if (location.href !== address || page === module) return;
        page.unmount();
        page = module;
        chatScript = undefined;
        page.mount();
        // It comes after the page, as in the server's HTML.
        document.body.append(notice);
      })
      .catch(function (error) {
        console.error(error);
        if (location.href === address) location.reload();
      });
  });

  import(script)
    .then(function (module) {
      page = module;
      return Promise.all([page.default({ module_or_path: wasm }), parsed]).then(function () { page.hydrate(); });
    })
    .then(function () {
      show("done");
      loadChatWhileTyping();
      addEventListener("focusin", loadChatWhileTyping);
      dispatchEvent(new Event("hydrated"));
    }, function (error) {
      console.error(error);
      show("failed");
    })
    .then(function () { clearTimeout(slow); });
})();
