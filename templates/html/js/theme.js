// Light, dark or as the system has it, remembered where the browser lets a page from disk remember.

const THEMES = ["system", "light", "dark"];
const systemDark = matchMedia("(prefers-color-scheme: dark)");

const memory = {
  get(key) { try { return localStorage.getItem(`archscope.${key}`); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(`archscope.${key}`, value); } catch { /* then not */ } },
};

function showTheme(theme) {
  const dark = theme === "dark" || (theme === "system" && systemDark.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = `Theme: ${theme}`;
  byId("theme").dataset.theme = theme;
  memory.set("theme", theme);
}

const keptTheme = () => (THEMES.includes(memory.get("theme")) ? memory.get("theme") : "system");

function nextOf(list, value) {
  return list[(list.indexOf(value) + 1) % list.length];
}
