// A class, or numbers, as output.
import { element } from "../texts.js";
import { show as showLabels } from "./labels.js";

/** Show the answer; return what is announced. */
export function show(place, answer) {
  if (typeof answer === "object") return showLabels(place, answer, Infinity);
  place.append(element("p", { class: "first" }, String(answer)));
  return String(answer);
}
