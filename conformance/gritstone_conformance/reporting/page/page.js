"use strict";
(() => {
  const root = document.documentElement;
  const form = document.getElementById("filters");
  const help = document.getElementById("help");
  const theme = document.getElementById("theme");
  const entries = [...document.querySelectorAll(".failure, .rule")];
  const groups = [...document.querySelectorAll(".profile")];
  const names = ["q", "verdict", "level", "profile"];
  const texts = new Map();

  const kept = (key, value) => {
    try {
      return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value);
    } catch {
      return null; // a page from a file may have no storage
    }
  };
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const turn = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    kept("gritstone-theme", root.dataset.theme);
  };
  const said = (node) => {
    if (!texts.has(node)) texts.set(node, node.textContent.toLowerCase());
    return texts.get(node);
  };

  // An entry is shown if it matches each choice and contains each word of the search. If the text of a rule does not
  // contain all words, only its matching cases are shown.
  const fits = (entry, state, words) => {
    for (const name of ["verdict", "level", "profile"]) {
      if (state[name] && entry.dataset[name] !== state[name]) return false;
    }
    const whole = words.every((word) => said(entry).includes(word));
    const summary = entry.querySelector("summary");
    const head = words.every((word) => said(summary).includes(word));
    for (const each of entry.querySelectorAll(":scope > .cases > li")) {
      each.hidden = whole && !head && !words.every((word) => said(each).includes(word) || said(summary).includes(word));
    }
    return whole;
  };
  const apply = () => {
    const state = Object.fromEntries(names.map((name) => [name, form.elements[name].value.trim()]));
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const isActive = names.some((name) => state[name]);
    const counts = { failure: [0, 0], rule: [0, 0] };
    for (const entry of entries) {
      entry.hidden = !fits(entry, state, words);
      const count = counts[entry.classList[0]];
      count[0] += !entry.hidden;
      count[1] += 1;
    }
    for (const group of groups) {
      const shown = group.querySelectorAll(".rule:not([hidden])").length;
      group.hidden = shown === 0;
      if (isActive && shown) group.open = true;
    }
    const parts = [`${counts.rule[0]} of ${counts.rule[1]} rules`];
    if (counts.failure[1]) parts.unshift(`${counts.failure[0]} of ${counts.failure[1]} failures`);
    form.elements.count.value = isActive ? parts.join(", ") : "";
    return isActive ? state : {};
  };
  const store = (state) => {
    const chosen = new URLSearchParams(Object.entries(state).filter(([, value]) => value));
    history.replaceState(null, "", `#${chosen}`);
  };
  const restore = () => {
    const fragment = location.hash.slice(1);
    if (fragment.includes("=")) {
      const state = new URLSearchParams(fragment);
      for (const name of names) form.elements[name].value = state.get(name) ?? "";
      apply();
      return;
    }
    const target = fragment && document.getElementById(decodeURIComponent(fragment));
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (target) target.scrollIntoView();
  };

  const isShown = (entry) => !entry.hidden && !entry.parentElement.closest("details:not([open]), [hidden]");
  const go = (by) => {
    const failures = entries.filter((entry) => entry.classList.contains("failure") && isShown(entry));
    const stops = failures.length ? failures : entries.filter(isShown);
    if (!stops.length) return;
    const at = stops.indexOf(document.activeElement?.closest(".failure, .rule"));
    const next = stops[at < 0 ? (by > 0 ? 0 : stops.length - 1) : (at + by + stops.length) % stops.length];
    next.querySelector("summary").focus({ preventScroll: true });
    next.scrollIntoView({ block: "start" });
  };
  const keys = {
    j: () => go(1),
    k: () => go(-1),
    t: turn,
    "?": () => help.showModal(),
    "/": () => form.elements.q.focus(),
  };

  const before = kept("gritstone-theme");
  if (before === "light" || before === "dark") root.dataset.theme = before;
  form.hidden = false;
  theme.hidden = false;
  theme.addEventListener("click", turn);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => store(apply()));
  form.addEventListener("reset", () => setTimeout(() => store(apply())));
  addEventListener("hashchange", restore);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const place = event.target;
    if (place instanceof HTMLInputElement || place instanceof HTMLSelectElement) {
      if (event.key === "Escape") place.blur();
      return;
    }
    const onEntry = place instanceof Element && place.matches(".failure > summary, .rule > summary");
    const arrow = onEntry ? { ArrowDown: "j", ArrowUp: "k" }[event.key] : undefined;
    const action = keys[arrow ?? event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
  restore();
})();
