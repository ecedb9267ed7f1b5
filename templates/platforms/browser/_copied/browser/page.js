// The page: takes an input, asks the worker that runs the model, and shows the answer.
import { VisitorError } from "./errors.js";
import { about } from "./card.js";
import { controlled, keep } from "./offline.js";
import { Runner } from "./runner.js";
import { element, language, text, translated } from "./texts.js";

const $ = (selector) => document.querySelector(selector);
const form = $("form");
const [input, output] = await Promise.all([
  import(`./inputs/${form.dataset.input}.js`),
  import(`./outputs/${form.dataset.output}.js`),
  controlled(),
]);
const submit = text("button", "Submit", { type: "submit", class: "primary" });
const stop = text("button", "Stop", { type: "button", hidden: true });
const clear = text("button", "Clear", { type: "button" });
const status = element("p", { role: "status", lang: language });
const problem = element("p", { role: "alert", class: "problem", lang: language });
const bar = element("progress", { "aria-label": translated("Progress"), hidden: true });
const answer = element("div", { class: "answer" });
let run = 0; // the number of the last one: what an earlier one says comes too late
let running = false;
let field; // how to read and to clear the input

const runner = new Runner(form.dataset.input, showProgress);
$("#output").append(
  text("h2", form.dataset.output === "picture" ? "Result" : "Answer"), answer, bar, status, problem,
);
$("#buttons").append(submit, stop, clear);
for (const each of document.querySelectorAll("[data-text]")) {
  each.textContent = translated(each.dataset.text);
  each.lang = language;
}

/** Show how far the model is. */
function showProgress({ done, total, loaded, error }) {
  bar.hidden = Boolean(loaded || error) && !running;
  if (error) return showError(error);
  if (loaded) {
    keep(input.later);
    bar.removeAttribute("value"); // what a prediction takes is not known
    status.textContent = running ? translated("The model is running.") : "";
    return;
  }
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  if (!total) {
    status.textContent = translated("Downloading the model: {done} MB.", { done: megabytes(done) });
    return;
  }
  status.textContent = translated("Downloading the model: {done} of {total} MB, {percent} %.", {
    done: megabytes(done),
    total: megabytes(total),
    percent: Math.floor((100 * done) / total),
  });
  bar.max = total;
  bar.value = done;
}

function showError(error) {
  const known = error instanceof VisitorError;
  if (!known) console.error(error);
  problem.textContent = known ? translated(error.text, error.values) : String(error);
  status.textContent = "";
}

function showRunning(is) {
  running = is;
  form.setAttribute("aria-busy", is);
  if (!is && document.activeElement === stop) submit.focus(); // it is about to vanish
  stop.hidden = bar.hidden = !is;
}

function empty() {
  run++;
  if (running) runner.stop();
  showRunning(false);
  output.clear?.(answer);
  answer.replaceChildren();
  $("#output").classList.remove("answered");
  status.textContent = problem.textContent = "";
}

/** Show the answer for what is in the fields; nothing while another is on its way. */
async function predict() {
  if (running) return;
  if (!field) return location.reload(); // the fields of a row are model.js's, which failed
  empty();
  const mine = run;
  try {
    const value = field.read();
    showRunning(true);
    status.textContent = translated("The model is running.");
    const given = await runner.predict(value);
    if (mine !== run) return;
    status.textContent = output.show(answer, given);
    $("#output").classList.add("answered");
  } catch (error) {
    if (mine === run) showError(error);
  }
  if (mine === run) showRunning(false);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  predict();
});
stop.addEventListener("click", empty);
clear.addEventListener("click", () => {
  field?.clear();
  empty();
});
document.addEventListener("example", empty); // the answer was for another input

const place = $("#input");
field = await input.build(place, form.dataset.input === "row" ? await runner.features : null);
document.documentElement.dataset.ready = "";
about($("#about"));
