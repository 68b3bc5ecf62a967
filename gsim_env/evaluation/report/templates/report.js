// Call browser. Words of people and models enter the page as text nodes only, never as HTML.
"use strict";
(() => {
  const BATCH = 50; // calls listed at a time
  const PEOPLE = "people";
  const PROFILE = ["listing", "description", "situation", "style", "traits", "concerns", "facts", "pain_points"];
  const calls = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("filters");
  const list = document.getElementById("list");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  let matches = calls;
  let listed = 0;

  const inWords = (name) => String(name).replaceAll("_", " ");
  const methodOf = (call) => (call.method === "human" ? PEOPLE : call.method);
  const KEYS = {
    archetype: (call) => inWords(call.profile.archetype),
    outcome: (call) => (call.outcome ? inWords(call.outcome) : "failed"),
    method: methodOf,
    salesperson: (call) => call.salesperson || PEOPLE,
  };

  function element(tag, className, ...children) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  }

  function link(call, text) {
    const anchor = element("a", "", text);
    anchor.href = "#call/" + encodeURIComponent(call.id);
    return anchor;
  }

  // The searchable text of a call, built at the first search.
  function textOf(call) {
    if (call.text === undefined) {
      const profile = Object.values(call.profile).flat();
      const lines = call.turns.flatMap((turn) => [turn.sales, turn.customer]);
      call.text = [...profile, ...lines].join("\n").toLowerCase();
    }
    return call.text;
  }

  function filter() {
    const words = form.elements.words.value.trim().toLowerCase();
    const chosen = Object.entries(KEYS).filter(([name]) => form.elements[name].value !== "");
    matches = calls.filter(
      (call) =>
        chosen.every(([name, key]) => key(call) === form.elements[name].value) &&
        (words === "" || textOf(call).includes(words)),
    );
    list.replaceChildren();
    listed = 0;
    listMore();
    count.textContent =
      matches.length === calls.length ? `${calls.length} calls` : `${matches.length} of ${calls.length} calls`;
  }

  function listMore() {
    list.append(...matches.slice(listed, listed + BATCH).map(row));
    listed = Math.min(listed + BATCH, matches.length);
    more.hidden = listed === matches.length;
    more.textContent = `Show ${Math.min(BATCH, matches.length - listed)} more of ${matches.length - listed}`;
  }

  function row(call) {
    const outcome = KEYS.outcome(call);
    const turns = call.turns.length === 1 ? "1 turn" : `${call.turns.length} turns`;
    const by = [methodOf(call), call.salesperson, turns].filter((part) => part).join(" · ");
    const summary = element(
      "summary",
      "",
      element("span", "ended " + (call.outcome || "failed"), outcome),
      element("span", "", element("strong", "", call.profile.name), ` · ${KEYS.archetype(call)}`),
      element("span", "by", by),
    );
    const node = element("details", "call", summary);
    node.dataset.id = call.id;
    node.addEventListener("toggle", () => {
      if (node.open && node.childElementCount === 1) node.append(details(call)); // built when opened
    });
    return node;
  }

  function details(call) {
    const links = element("p", "links", link(call, "Link to this call"));
    const sameCustomer = (other) =>
      other.method !== call.method && other.method !== "human" && other.number === call.number &&
      other.salesperson === call.salesperson;
    if (call.method !== "human") {
      links.append(...calls.filter(sameCustomer).map((other) => link(other, `Same customer with ${other.method}`)));
    }
    return element(
      "div",
      "inside",
      profile(call.profile),
      links,
      call.error ? element("p", "missing", `This call failed and counts in no metric: ${call.error}`) : null,
      ...call.turns.map(turn),
    );
  }

  function profile(of) {
    const node = element("dl", "profile");
    for (const name of PROFILE) {
      const value = [of[name]].flat();
      if (value.length) node.append(element("dt", "", inWords(name)), element("dd", "", value.map(name === "concerns" ? inWords : String).join("; ")));
    }
    return node;
  }

  function turn(of) {
    const words = element("div", "", utterance("sales", of.sales), utterance("customer", of.customer));
    return element("div", "turn", words, internals(of));
  }

  function utterance(who, text) {
    return element("p", "utterance " + who, element("span", "who", who), text || "(silence)");
  }

  function internals(of) {
    const node = element("div", "internals");
    if (of.levels) node.append(levels(of.levels));
    if (of.guidance) {
      const guidance = ["stage", "stance", "concern"].map((name) => of.guidance[name]).filter((part) => part);
      if (guidance.length) node.append(element("p", "", "guidance: ", element("strong", "", guidance.map(inWords).join(" · "))));
    }
    if (of.stage) node.append(element("p", "", "classified as: ", element("strong", "", inWords(of.stage))));
    const references = (of.guidance && of.guidance.references) || [];
    if (references.length) {
      node.append(element("p", "by", "references from similar customers:"), ...references.map((text) => element("q", "", text)));
    }
    return node;
  }

  function levels(of) {
    const node = element("div", "levels");
    for (const [name, level] of Object.entries(of)) {
      if (typeof level !== "number") continue;
      const fill = element("span", name);
      fill.style.width = `${100 * Math.min(Math.max(level, 0), 1)}%`;
      const bar = element("div", "bar", fill);
      bar.setAttribute("aria-hidden", "true");
      node.append(element("span", "", name), bar, element("span", "", level.toFixed(2)));
    }
    return node;
  }

  // If the address names a call, list it, open it and scroll to it.
  function visit() {
    if (!location.hash.startsWith("#call/")) return;
    const id = decodeURIComponent(location.hash.slice("#call/".length));
    if (!calls.some((call) => call.id === id)) return;
    if (!matches.some((call) => call.id === id)) {
      form.reset();
      filter();
    }
    while (!(listed > matches.findIndex((call) => call.id === id))) listMore();
    const row = [...list.children].find((child) => child.dataset.id === id);
    row.open = true;
    row.scrollIntoView();
    row.firstElementChild.focus({ preventScroll: true });
  }

  for (const [name, key] of Object.entries(KEYS)) {
    const values = [...new Set(calls.map(key))].sort();
    form.elements[name].append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  more.addEventListener("click", listMore);
  addEventListener("hashchange", visit);
  filter();
  visit();
})();
