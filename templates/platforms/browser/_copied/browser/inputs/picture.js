// A picture as input: chosen, dropped, pasted, taken with a camera, or an example.
import { VisitorError } from "../errors.js";
import { element, text, translated } from "../texts.js";

export const later = [
  "browser/vendor/webp/webp_dec.js",
  "browser/vendor/webp/webp_dec.wasm.gz",
];

/** Build the field; return how to read and to clear it. */
export async function build(place) {
  let picture = null; // a Blob
  const file = element("input", { type: "file", id: "picture", accept: "image/*" });
  const shown = element("img", { alt: translated("Picture"), hidden: true });
  const hint = text("span", "Choose a picture, drop it here, or paste it");
  const drop = element("label", { for: "picture", class: "drop" }, hint, shown);

  function set(blob) {
    picture = blob;
    URL.revokeObjectURL(shown.src);
    shown.hidden = !blob;
    hint.hidden = Boolean(blob);
    if (blob) shown.src = URL.createObjectURL(blob);
    else file.value = shown.src = "";
    place.dispatchEvent(new Event("change"));
  }

  /** Take the first file that was dropped or pasted; others are left to the browser. */
  function take(event, { files }) {
    if (!files.length) return;
    event.preventDefault();
    drop.classList.remove("over");
    set(files[0]);
  }

  file.addEventListener("change", () => file.files.length && set(file.files[0]));
  drop.addEventListener("drop", (event) => take(event, event.dataTransfer));
  for (const [name, is] of [["dragover", true], ["dragleave", false]])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", is);
    });
  document.addEventListener("paste", (event) => take(event, event.clipboardData));
  for (const button of document.querySelectorAll("#examples button")) {
    button.addEventListener("click", async () => {
      set(await (await fetch(button.querySelector("img").src)).blob());
      document.dispatchEvent(new Event("example"));
    });
  }
  place.append(text("span", "Picture", { class: "label" }), file, drop, ...(await camera(set)));
  return {
    read() {
      if (!picture) throw new VisitorError("Choose a picture first.");
      return picture;
    },
    clear: () => set(null),
  };
}

/** Return the buttons of a camera, and what it sees; nothing without one. */
async function camera(set) {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  if (!devices.some(({ kind }) => kind === "videoinput")) return [];
  const video = element("video", { playsinline: true, muted: true, hidden: true });
  const button = text("button", "Use the camera", { type: "button", class: "camera" });

  async function start() {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment" },
    });
    video.hidden = false;
    await video.play();
  }

  async function shoot() {
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    for (const track of video.srcObject.getTracks()) track.stop();
    video.srcObject = null;
    video.hidden = true;
    set(await canvas.convertToBlob({ type: "image/png" }));
  }

  button.addEventListener("click", async () => {
    try {
      await (video.srcObject ? shoot() : start());
    } catch (error) {
      console.warn(error); // no leave to use it, or it is in use
      video.srcObject = null;
    }
    button.textContent = translated(video.srcObject ? "Take the picture" : "Use the camera");
  });
  return [video, button];
}
