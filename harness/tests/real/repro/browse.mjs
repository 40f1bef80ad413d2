// Lets headless Chromium speak MCP from a page, and keeps what went over the wire as HAR.
//
//   node browse.mjs CHROMIUM ORIGIN FILE.har TOKEN
import { chromium } from "playwright-core";

const [executablePath, origin, path, token] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ recordHar: { path, mode: "full", content: "embed" } });
const page = await context.newPage();
// A page of the server's origin, which the server does not have.
await page.route(`${origin}/`, (route) => route.fulfill({ contentType: "text/html", body: "<title>page</title>" }));
await page.goto(`${origin}/`);
const tools = await page.evaluate(async (token) => {
    const headers = {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        authorization: `Bearer ${token}`,
    };
    const post = (message) => fetch("/mcp", { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
    const clientInfo = { name: "page", version: "1" };
    const opened = await post({ id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo } });
    headers["mcp-session-id"] = opened.headers.get("mcp-session-id");
    headers["mcp-protocol-version"] = "2025-06-18";
    await opened.text();
    await (await post({ method: "notifications/initialized" })).text();
    const listed = await (await post({ id: 2, method: "tools/list" })).text();
    await (await post({ id: 3, method: "tools/call", params: { name: "echo", arguments: { message: "it's 100% \"done\"" } } })).text();
    await fetch("/mcp", { method: "DELETE", headers });
    return listed.length;
}, token);
await context.close();
await browser.close();
if (!(tools > 100)) throw new Error(`the list of tools has ${tools} characters`);
