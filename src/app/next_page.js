// Stores what the server answered to a form, then opens the next page.
(function () {
  var next = JSON.parse(document.getElementById("next").textContent);
  var root = document.baseURI;
  var folder = new URL(root).pathname.replace(/\/$/, "");
  try {
    next.changes.forEach(function (change) {
      if (change[1] === null) localStorage.removeItem(folder + change[0]);
      else localStorage.setItem(folder + change[0], JSON.stringify(change[1]));
    });
  } catch (error) {
    document.getElementById("opening").hidden = true;
    document.getElementById("failed").hidden = false;
    return;
  }
  // From another address, so that the browser loads a page that differs from this one only in its fragment.
  history.replaceState(null, "", root);
  location.replace(root + next.address.slice(1));
})();
