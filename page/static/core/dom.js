// Elements and words. Whatever comes from the run becomes text, never HTML.

/**
 * Make an element.
 * @param {string} what its tag, and its classes after dots: "p.hint".
 * @param {object} props attributes and properties; `onclick` and the like are listeners.
 * @param {...(Node|string|number|null|false)} children strings become text nodes.
 */
export function el(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value == null) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false).map((child) =>
    child instanceof Node ? child : String(child)));
  return made;
}

/** Set an element's text where it differs, so that screen readers are not told the same again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show or hide an element. */
export function show(element, shown) {
  element.hidden = !shown;
}

/** A part of a view, with a heading. */
export function panel(title, ...children) {
  return el("div.panel", {}, el("h3", {}, title), ...children);
}

/** A table; `rows` are lists of cells. */
export function table(caption, heads, rows) {
  return el("div.scroll", { tabIndex: 0, role: "region", ariaLabel: caption }, el("table", {},
    el("caption.quiet", {}, caption),
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) =>
      el(i ? "td" : "th", i ? {} : { scope: "row" }, cell)))))));
}

/** A bar that shows a share, 0 to 1. */
export function meter(label, share, text) {
  const bar = el("meter", { min: 0, max: 1, value: share ?? 0, ariaLabel: label });
  return el("div.meter", {}, el("span", {}, label), bar, el("span.value", {}, text ?? percent(share)));
}

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A number for people; "–" where it is not known. */
export function number(value) {
  if (value == null) return "–";
  return Math.abs(value) >= 100 || Number.isInteger(value) ? plain.format(value) : fine.format(value);
}

/** A share as percent. */
export function percent(share) {
  if (share == null) return "–";
  return `${share === 1 ? 100 : (100 * share).toFixed(share > 0.9 ? 1 : 0)} %`;
}

/** A span of seconds for people. */
export function span(seconds) {
  if (seconds == null) return "–";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} days`;
}

/** Memory in MiB for people. */
export function mib(value) {
  if (value == null) return "–";
  return value >= 1024 ? `${fine.format(value / 1024)} GiB` : `${plain.format(value)} MiB`;
}

/** A name without underscores. */
export const words = (name) => name.replaceAll("_", " ");

/** The colour that an element would show for a custom property, such as "--ink". */
export function colour(property) {
  const probe = el("i", { hidden: true });
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Call `draw` whenever the colour scheme changes. */
export function onScheme(draw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

/** Whether the person wants little motion. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
