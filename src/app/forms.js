// Before the page is hydrated, the browser posts its forms, and the answer is the next page.
(function () {
  var data = document.documentElement.dataset;
  var prefix = new URL(document.baseURI).pathname.replace(/\/$/, "") + "watch-party/";
  var held;

  // Shows the fields that the chosen kind of chat needs.
  function showFields() {
    var chosen = document.querySelector("[name=admission]:checked");
    if (!chosen || data.hydration === "done") return;
    document.querySelectorAll("[data-admissions]").forEach(function (part) {
      part.hidden = part.disabled = part.dataset.admissions.split(" ").indexOf(chosen.value) < 0;
    });
  }

  // The id by which the server recognises this browser if it sends the form again.
  function joinId(key) {
    var hex = "";
    crypto.getRandomValues(new Uint8Array(16)).forEach(function (byte) { hex += (byte + 256).toString(16).slice(1); });
    var id = hex.replace(/(.{8})(.{4}).(.{3}).(.{3})(.+)/, "$1-$2-4$3-8$4-$5");
    localStorage[key] = localStorage[key] || JSON.stringify(id);
    return JSON.parse(localStorage[key]);
  }

  function reset() {
    delete data.sent;
    showFields();
  }

  reset();
  addEventListener("pageshow", reset);
  addEventListener("change", showFields);
  addEventListener("hydrated", function () { if (held) held.requestSubmit(); });
  addEventListener("submit", function (event) {
    var form = event.target;
    var isSent = "sent" in data;
    if (data.hydration === "done" && !isSent) return;
    try {
      if (isSent) throw 0;
      localStorage[prefix] = "";
      delete localStorage[prefix];
      if (form.key) {
        form.key.value = location.hash.slice(1);
        form.join_id.value = joinId(prefix + "join/" + form.dataset.chat);
      }
      form.action = location.href;
      data.sent = "";
      setTimeout(reset, 10000);
    } catch (error) {
      event.preventDefault();
      event.stopImmediatePropagation();
      // Without storage, the hydrated page keeps the answer in memory.
      if (error) held = form;
    }
  }, true);
})();
