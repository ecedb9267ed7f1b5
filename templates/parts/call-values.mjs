import { Client } from "@gradio/client"; // npm install @gradio/client

const app = await Client.connect("http://127.0.0.1:7860");
const answer = await app.predict("/predict", {{ (cookiecutter | model).rows[0] | json }});
console.log(answer.data);
