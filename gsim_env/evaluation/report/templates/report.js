// Browses the calls. What people and models said is data: it enters the page as text nodes only.
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
  let found = calls;
  let listed = 0;

  const spoken = (name) => String(name).replaceAll("_", " ");
  const methodOf = (call) => (call.method === "human" ? PEOPLE : call.method);
  const KEYS = {
    archetype: (call) => spoken(call.profile.archetype),
    outcome: (call) => (call.outcome ? spoken(call.outcome) : "failed"),
    method: methodOf,
    salesperson: (call) => call.salesperson || PEOPLE,
  };

  function element(tag, className, ...inside) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...inside.filter((one) => one !== null && one !== undefined && one !== ""));
    return made;
  }

  function link(call, text) {
    const made = element("a", "", text);
    made.href = "#call/" + encodeURIComponent(call.id);
    return made;
  }

  // Everything of a call that can be searched, made when it is first searched.
  function textOf(call) {
    if (call.text === undefined) {
      const profile = Object.values(call.profile).flat();
      const said = call.turns.flatMap((turn) => [turn.sales, turn.customer]);
      call.text = [...profile, ...said].join("\n").toLowerCase();
    }
    return call.text;
  }

  function filter() {
    const words = form.elements.words.value.trim().toLowerCase();
    const wanted = Object.entries(KEYS).filter(([name]) => form.elements[name].value !== "");
    found = calls.filter(
      (call) =>
        wanted.every(([name, key]) => key(call) === form.elements[name].value) &&
        (words === "" || textOf(call).includes(words)),
    );
    list.replaceChildren();
    listed = 0;
    list_more();
    count.textContent =
      found.length === calls.length ? `${calls.length} calls` : `${found.length} of ${calls.length} calls`;
  }

  function list_more() {
    list.append(...found.slice(listed, listed + BATCH).map(row));
    listed = Math.min(listed + BATCH, found.length);
    more.hidden = listed === found.length;
    more.textContent = `Show ${Math.min(BATCH, found.length - listed)} more of ${found.length - listed}`;
  }

  function row(call) {
    const outcome = KEYS.outcome(call);
    const turns = call.turns.length === 1 ? "1 turn" : `${call.turns.length} turns`;
    const by = [methodOf(call), call.salesperson, turns].filter((one) => one).join(" · ");
    const summary = element(
      "summary",
      "",
      element("span", "ended " + (call.outcome || "failed"), outcome),
      element("span", "", element("strong", "", call.profile.name), ` · ${KEYS.archetype(call)}`),
      element("span", "by", by),
    );
    const made = element("details", "call", summary);
    made.dataset.id = call.id;
    made.addEventListener("toggle", () => {
      if (made.open && made.childElementCount === 1) made.append(inside(call));
    });
    return made;
  }

  function inside(call) {
    const links = element("p", "links", link(call, "Link to this call"));
    const same = (other) =>
      other.method !== call.method && other.method !== "human" && other.number === call.number &&
      other.salesperson === call.salesperson;
    if (call.method !== "human") {
      links.append(...calls.filter(same).map((other) => link(other, `The same customer by ${other.method}`)));
    }
    return element(
      "div",
      "inside",
      profile(call.profile),
      links,
      call.error ? element("p", "missing", `The call failed and counts nowhere: ${call.error}`) : null,
      ...call.turns.map(turn),
    );
  }

  function profile(of) {
    const made = element("dl", "profile");
    for (const name of PROFILE) {
      const value = [of[name]].flat();
      if (value.length) made.append(element("dt", "", spoken(name)), element("dd", "", value.map(name === "concerns" ? spoken : String).join("; ")));
    }
    return made;
  }

  function turn(of) {
    const words = element("div", "", said("sales", of.sales), said("customer", of.customer));
    return element("div", "turn", words, behind(of));
  }

  function said(who, text) {
    return element("p", "said " + who, element("span", "who", who), text || "(says nothing)");
  }

  function behind(of) {
    const made = element("div", "behind");
    if (of.levels) made.append(levels(of.levels));
    if (of.guidance) {
      const told = ["stage", "stance", "concern"].map((name) => of.guidance[name]).filter((one) => one);
      if (told.length) made.append(element("p", "", "to do: ", element("strong", "", told.map(spoken).join(" · "))));
    }
    if (of.stage) made.append(element("p", "", "heard as: ", element("strong", "", spoken(of.stage))));
    const references = (of.guidance && of.guidance.references) || [];
    if (references.length) {
      made.append(element("p", "by", "what like customers said:"), ...references.map((one) => element("q", "", one)));
    }
    return made;
  }

  function levels(of) {
    const made = element("div", "levels");
    for (const [name, level] of Object.entries(of)) {
      if (typeof level !== "number") continue;
      const fill = element("span", name);
      fill.style.width = `${100 * Math.min(Math.max(level, 0), 1)}%`;
      const bar = element("div", "bar", fill);
      bar.setAttribute("aria-hidden", "true");
      made.append(element("span", "", name), bar, element("span", "", level.toFixed(2)));
    }
    return made;
  }

  // The address names a call: list it, open it, go there.
  function visit() {
    if (!location.hash.startsWith("#call/")) return;
    const id = decodeURIComponent(location.hash.slice("#call/".length));
    if (!calls.some((call) => call.id === id)) return;
    if (!found.some((call) => call.id === id)) {
      form.reset();
      filter();
    }
    while (!(listed > found.findIndex((call) => call.id === id))) list_more();
    const shown = [...list.children].find((one) => one.dataset.id === id);
    shown.open = true;
    shown.scrollIntoView();
    shown.firstElementChild.focus({ preventScroll: true });
  }

  for (const [name, key] of Object.entries(KEYS)) {
    const values = [...new Set(calls.map(key))].sort();
    form.elements[name].append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  more.addEventListener("click", list_more);
  addEventListener("hashchange", visit);
  filter();
  visit();
})();
