// Call the tool `predict` by an official client: of the package "sdk", or its next, "client".
//
//   node mcp_client.mjs PACKAGE URL ARGUMENTS
//
// ARGUMENTS are JSON. Prints JSON: what the tool is, its result, and that of a call without any.
const [name, url, given] = process.argv.slice(2);
const load = (path) => import(`@modelcontextprotocol/${name}${path}`);
const { Client, StreamableHTTPClientTransport } =
  name === "client"
    ? await load("")
    : { ...(await load("/client/index.js")), ...(await load("/client/streamableHttp.js")) };

const client = new Client({ name: "test", version: "1" });
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const [tool] = (await client.listTools()).tools;
const call = (args) => client.callTool({ name: tool.name, arguments: args });
const results = [await call(JSON.parse(given)), await call({})];
console.log(JSON.stringify([transport.protocolVersion ?? null, tool, ...results]));
await client.close();
