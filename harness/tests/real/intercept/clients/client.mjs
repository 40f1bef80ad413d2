// Asks both hosts of the Kiro runtime for their tools; see client.py. The argument is `fetch` or `https`.
import https from "node:https";

const hosts = ["runtime.us-east-1.kiro.dev", "q.us-east-1.amazonaws.com"];
const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
const options = {
    method: "POST",
    headers: { authorization: `Bearer ${process.env.TOKEN}`, "content-type": "application/json" },
};

function withHttps(url) {
    return new Promise((resolve, reject) => {
        const request = https.request(url, options, (answer) => {
            answer.resume().on("end", () => resolve(answer.statusCode));
        });
        request.on("error", reject).end(body);
    });
}

const found = {};
for (const host of hosts) {
    const url = `https://${host}/mcp`;
    found[host] = process.argv[2] === "https" ? await withHttps(url) : (await fetch(url, { ...options, body })).status;
}
console.log(JSON.stringify(found));
