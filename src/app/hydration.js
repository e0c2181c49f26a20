// Hydrates the page: loads the WebAssembly that takes over what the server rendered, and shows one of
// the sentences in #hydration when that takes long or fails, so that nobody waits before a dead button.
(function () {
  // How long until people are told that the page still loads, in milliseconds.
  var PATIENCE = 10000;
  var root = document.documentElement;
  var notice = document.getElementById("hydration");

  // What stands after `data-` in the page: "loading", "slow", "failed", "unsupported" or "done".
  function show(state) {
    // A page that has failed does not recover by itself.
    if (root.dataset.hydration === "failed" || root.dataset.hydration === "unsupported") return;
    root.dataset.hydration = state;
    notice.querySelectorAll("[data-when]").forEach(function (part) {
      part.hidden = part.dataset.when.split(" ").indexOf(state) < 0;
    });
    notice.hidden = state === "loading" || state === "done";
  }

  // Once the WebAssembly has trapped, nothing on the page works any more.
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
  // As `href` properties they begin at the page's <base>, in every browser. An address written into
  // `import()` does not: WebKit has it begin at the page's own address.
  var script = document.querySelector("link[rel=modulepreload]").href;
  var wasm = document.querySelector("link[rel=preload][as=fetch]").href;
  var parsed = new Promise(function (resolve) {
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", resolve);
    else resolve();
  });
  import(script)
    .then(function (page) {
      return Promise.all([page.default({ module_or_path: wasm }), parsed]).then(function () { page.hydrate(); });
    })
    .then(function () { show("done"); }, function (error) {
      console.error(error);
      show("failed");
    })
    .then(function () { clearTimeout(slow); });
})();
