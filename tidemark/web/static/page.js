// Keys, copying, and the label of the slider. Pages can be read without it.
"use strict";

const rows = () => [...document.querySelectorAll(".row")].map((row) => row.querySelector("td.name a, td a")).filter(Boolean);

function move(step) {
  const links = rows();
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? (step > 0 ? 0 : -1) : at + step];
  if (next) next.focus();
  else if (at === 0 && step < 0) document.getElementById("q")?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const box = document.getElementById("q");
  const types = event.target.matches("input:not([type=checkbox]):not([type=range]), select, textarea");
  if (event.key === "/" && !types && box) { event.preventDefault(); box.focus(); box.select(); }
  else if (event.key === "Escape" && box && event.target !== box) { box.focus(); box.select(); }
  else if (event.key === "ArrowDown" && (!types || event.target === box)) { if (event.target.type !== "range") { event.preventDefault(); move(1); } }
  else if (event.key === "ArrowUp" && !types && event.target.type !== "range") { event.preventDefault(); move(-1); }
  else if (!types && event.key === "j") move(1);
  else if (!types && event.key === "k") move(-1);
  else if (!types && event.key === "x") document.activeElement.closest(".row")?.querySelector("input[type=checkbox]")?.click();
  else if (!types && (event.key === "Backspace" || (event.key === "ArrowLeft" && event.target.type !== "range"))) document.querySelector("[data-up]")?.click();
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  }
  if (event.target.closest("[data-back]")) history.back();
});

document.addEventListener("input", (event) => {
  const label = document.getElementById(event.target.dataset.label ?? "");
  if (!label) return;
  const option = event.target.list?.querySelector(`option[value="${Number(event.target.value)}"]`);
  if (option) { label.textContent = option.label; event.target.setAttribute("aria-valuetext", option.label); }
});

function countChosen() {
  const form = document.querySelector("[data-choose]");
  if (!form) return;
  const number = document.querySelectorAll("input[form=choose]:checked").length;
  form.hidden = number === 0;
  document.getElementById("chosen").textContent = `${number} chosen`;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("input[form=choose]")) countChosen();
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

function prepare() {
  for (const each of document.querySelectorAll("[data-copy], [data-back]")) each.hidden = false;
  for (const each of document.querySelectorAll("[data-without-script]")) each.hidden = true;
  countChosen();
  const end = document.querySelector(".end[data-status]");
  const status = document.getElementById("status");
  if (end && status && status.textContent !== end.dataset.status) status.textContent = end.dataset.status;
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.matches("[data-choose]") && event.detail.successful) {
    for (const each of document.querySelectorAll("input[form=choose]:checked")) each.checked = false;
    countChosen();
  }
});
// Results that arrive replace earlier ones; the chosen row keeps the focus.
let chosen = null;
document.addEventListener("htmx:beforeSwap", () => {
  const row = document.activeElement?.closest?.(".row");
  if (row) chosen = document.activeElement.getAttribute("href");
});
function keepFocus() {
  if (chosen && document.activeElement === document.body) {
    rows().find((link) => link.getAttribute("href") === chosen)?.focus();
  }
}
// Immediately: htmx settles 20 ms later, and a key pressed in between must reach the row.
document.addEventListener("htmx:afterSwap", keepFocus);
document.addEventListener("htmx:afterSettle", () => {
  keepFocus();
  if (document.activeElement !== document.body) chosen = null;
  prepare();
});
prepare();
