// NiceGUI does not say in which language a page is written.
document.documentElement.lang = "en";

// The colour theme: follows the system until somebody chooses, and remembers the choice in this browser.
const KEY = "console-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

function applyTheme() {
  const choice = chosen();
  const dark = choice === "dark" || (choice === "system" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.dataset.choice = choice;
  globalThis.Quasar?.Dark?.set(dark);
}

function nextTheme() {
  const order = ["system", "light", "dark"];
  localStorage.setItem(KEY, order[(order.indexOf(chosen()) + 1) % order.length]);
  applyTheme();
}

applyTheme();
system.addEventListener("change", applyTheme);
addEventListener("storage", applyTheme);
addEventListener("load", applyTheme);

// On a narrow screen the navigation scrolls: where one is comes into sight.
addEventListener("load", () => {
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
});

// The login keeps the fragment of the page that was wanted: browsers do not send it.
document.addEventListener("submit", (event) => {
  const next = event.target.elements?.next;
  if (next && /^#[\w%.~-]+$/.test(location.hash)) next.value += location.hash;
});
