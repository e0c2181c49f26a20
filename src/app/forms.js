// Before hydration, the browser posts the forms with `data-early`, and the answer is the next page.
(function () {
  var data = document.documentElement.dataset;
  var folder = new URL(document.baseURI).pathname.replace(/\/$/, "");
  var held;

  function showFields() {
    var chosen = document.querySelector("[name=admission]:checked");
    if (!chosen || data.hydration === "done") return;
    document.querySelectorAll("[data-admissions]").forEach(function (part) {
      part.hidden = part.disabled = part.dataset.admissions.split(" ").indexOf(chosen.value) < 0;
    });
  }

  function newId() {
    var hex = "";
    crypto.getRandomValues(new Uint8Array(16)).forEach(function (byte) { hex += (byte + 256).toString(16).slice(1); });
    return hex.replace(/(.{8})(.{4}).(.{3}).(.{3})(.+)/, "$1-$2-4$3-8$4-$5");
  }

  // Throws if only the hydrated page can send the form: it works without storage, and finds the seat of this browser.
  function prepare(form) {
    var seat = folder + form.dataset.seat, join = folder + form.dataset.join;
    localStorage[folder + "test"] = Array(4096).join();
    delete localStorage[folder + "test"];
    if (form.key) {
      if (localStorage[seat]) throw seat;
      localStorage[join] = localStorage[join] || JSON.stringify(newId());
      form.join_id.value = JSON.parse(localStorage[join]);
      form.key.value = location.hash.slice(1);
    }
    form.action = location.href;
  }

  function reset() { delete data.sent; }

  showFields();
  // Reloading and going back must not post again.
  history.replaceState(history.state, "", location.href);
  addEventListener("change", showFields);
  addEventListener("pageshow", function (event) {
    showFields();
    if (event.persisted && data.hydration !== "done") location.reload();
  });
  addEventListener("hydrated", function () { if (held) held.querySelector("[type=submit]").click(); });
  addEventListener("submit", function (event) {
    var form = event.target, isSent = "sent" in data;
    if (!("early" in form.dataset) || data.hydration === "done" && !isSent) return;
    if (!isSent && /loading|slow/.test(data.hydration)) {
      try {
        prepare(form);
        data.sent = "";
        setTimeout(reset, 30000);
        return;
      } catch (error) {
        held = form;
      }
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
})();
