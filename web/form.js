// Shows the project again after each change. Without this script the buttons do the same.
const form = document.getElementById("form");
const main = document.querySelector("main");
const message = document.getElementById("message");
let running = null;
let timer = 0;

// Of a file that is too large to send, name and size are enough.
function takeNameOfLargeFile() {
  const file = form.file.files[0];
  if (!file || file.size <= Number(form.dataset.largest)) return;
  form.model.value = file.name;
  form.size.value = file.size;
  form.file.value = "";
  form.model.closest("details").open = true;
}

function replace(id, page) {
  const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
  if (!old || !fresh || old.innerHTML === fresh.innerHTML) return;
  for (const each of old.querySelectorAll("details[open]"))
    page.getElementById(each.id)?.setAttribute("open", "");
  old.innerHTML = fresh.innerHTML;
}

function show(page) {
  const focused = document.activeElement?.id;
  for (const rows of form.querySelectorAll(".rows")) replace(rows.id, page);
  for (const problem of form.querySelectorAll(".problem")) {
    replace(problem.id, page);
    const input = problem.parentElement.querySelector("input");
    input.placeholder = page.getElementById(input.id)?.placeholder ?? "";
    input.toggleAttribute("aria-invalid", false);
    if (problem.textContent) input.setAttribute("aria-invalid", "true");
  }
  for (const id of ["summary", "result"]) replace(id, page);
  prepareCopy();
  if (focused && document.activeElement?.id !== focused)
    document.getElementById(focused)?.focus({ preventScroll: true });
  const link = document.getElementById("link");
  if (link) history.replaceState(null, "", link.href);
}

async function refresh() {
  takeNameOfLargeFile();
  if (!form.model.value !== !form.size.value) return; // one of them is still to come
  running?.abort();
  const mine = (running = new AbortController());
  const data = new FormData(form);
  const texts = [...data].filter(([, value]) => typeof value === "string" && value);
  const request = form.file.files.length
    ? fetch("./", { method: "POST", body: data, signal: mine.signal })
    : fetch("./?" + new URLSearchParams(texts), { signal: mine.signal });
  main.setAttribute("aria-busy", "true");
  try {
    const response = await request;
    const text = await response.text();
    message.textContent = response.ok ? "" : text;
    if (response.ok) show(new DOMParser().parseFromString(text, "text/html"));
  } catch (error) {
    if (error.name === "AbortError") return;
    message.textContent = "The server does not answer. Your answers are still here.";
  }
  if (running === mine) main.removeAttribute("aria-busy");
}

function soon(milliseconds) {
  running?.abort();
  clearTimeout(timer);
  timer = setTimeout(refresh, milliseconds);
}

function prepareCopy() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.setAttribute("aria-label", `Copy the ${button.dataset.copy}`);
    button.onclick = async () => {
      await navigator.clipboard.writeText(source.href ?? source.textContent);
      button.textContent = "Copied";
    };
  }
}

document.addEventListener("change", (event) => {
  if (event.target.form === form) soon(0);
});
form.addEventListener("input", (event) => {
  if (event.target.type === "text") soon(400);
});
form.addEventListener("submit", (event) => {
  if (event.submitter?.classList.contains("download")) return;
  event.preventDefault();
  soon(0);
});
prepareCopy();
