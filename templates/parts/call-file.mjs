import { readFile } from "node:fs/promises";
import { Client } from "@gradio/client"; // npm install @gradio/client

const app = await Client.connect("http://127.0.0.1:7860");
const picture = new Blob([await readFile("{{ (cookiecutter | model).example }}")]);
console.log((await app.predict("/predict", [picture])).data);
