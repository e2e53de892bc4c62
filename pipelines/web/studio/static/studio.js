// Sliders that compare, keys, and what is said of a change. Every page can be read without it.
"use strict";
(() => {
  document.documentElement.classList.add("js");

  const lay = (compare) => {
    const range = compare.querySelector("input[type=range]");
    if (!range || compare.dataset.laid) return;
    compare.dataset.laid = "1";
    const cut = () => compare.style.setProperty("--cut", `${range.value}%`);
    range.addEventListener("input", cut);
    cut();
  };
  const layAll = (root) => root.querySelectorAll("[data-compare]").forEach(lay);

  const say = (words) => {
    const said = document.getElementById("said");
    said.textContent = words;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { said.textContent = ""; }, 3500);
  };

  const cards = () => [...document.querySelectorAll("[data-gallery] > *")];
  const current = () => document.activeElement.closest("[data-gallery] > *");
  const move = (step) => {
    const all = cards();
    if (!all.length) return false;
    const at = all.indexOf(current());
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)] || all[0];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest("input, textarea, select");
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    const key = event.key.toLowerCase();
    if (key === "arrowright" || key === "arrowleft") {
      if (move(key === "arrowright" ? 1 : -1)) {
        event.preventDefault();
        return;
      }
    }
    const opinion = { l: "like", d: "dislike", p: "plain" }[key];
    const card = current();
    if (opinion && card) {
      const button = card.querySelector(`[data-opinion=${opinion}]`);
      if (button) button.click();
      return;
    }
    const target = (card || document).querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!target) return;
    event.preventDefault();
    if (target.matches("input")) target.focus(); else target.click();
  });

  document.addEventListener("input", (event) => {
    const shown = event.target.id && document.querySelector(`output[for="${CSS.escape(event.target.id)}"]`);
    if (shown) shown.textContent = event.target.value;
  });
  document.addEventListener("htmx:afterSettle", (event) => layAll(event.target.parentElement || document));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const asked = event.detail.requestConfig?.triggeringEvent?.submitter;
    if (asked?.dataset?.opinion) {
      document.addEventListener("htmx:afterSettle", (settled) => {
        settled.target.querySelector?.(`[data-opinion=${asked.dataset.opinion}]`)?.focus();
        say(settled.target.querySelector?.("[aria-pressed=true]") ? "Kept for the next run." : "Taken back.");
      }, { once: true });
    }
  });
  document.addEventListener("htmx:sendError", () => say("The studio cannot be reached."));
  layAll(document);
})();
