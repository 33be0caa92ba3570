// The page of a law alone: its one view, with the sizes in the address, and the theme.

const lawAddress = {
  get: () => new URLSearchParams(location.hash.slice(1)).get("law") ?? "",
  set: (text) => {
    const hash = new URLSearchParams(text ? { law: text } : {}).toString();
    try {
      history.replaceState(null, "", `#${hash}`);
    } catch { /* inside another page there may be no address of its own */ }
  },
};

function setTheme(theme) {
  showTheme(theme);
  drawScale(byId("host-scale"));
}

setTheme(keptTheme());
byId("theme").addEventListener("click", (event) => setTheme(nextOf(THEMES, event.target.dataset.theme)));
systemDark.addEventListener("change", () => setTheme(byId("theme").dataset.theme));
addEventListener("hashchange", () => drawScale(byId("host-scale")));
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); byId("panels").focus(); });
document.documentElement.dataset.ready = "1";
