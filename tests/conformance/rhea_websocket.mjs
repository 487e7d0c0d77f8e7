// AMQP over WebSocket by rhea and ws: sends N messages of SIZE octets to itself through the router, prints what came of it.
// node rhea_websocket.mjs URL N SIZE; run where both are installed.

import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const rhea = require("rhea");
const [url, count, size] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const connect = rhea.websocket_connect(require("ws"));
const connection = rhea.connect({ connection_details: connect(url, ["amqp"], {}), reconnect: false });
const body = "x".repeat(size);
let sent = 0, accepted = 0, wrong = 0;
const arrived = new Set();

const look = () => { if (arrived.size === count && accepted === count) connection.close(); };
connection.open_receiver({ source: "rhea", credit_window: 500 }).once("receiver_open", () => {
  connection.open_sender("rhea").on("sendable", (context) => {
    while (context.sender.sendable() && sent < count) context.sender.send({ message_id: sent++, body });
  });
});
connection.on("message", ({ message }) => {
  if (message.body !== body) wrong++;
  arrived.add(message.message_id);
  look();
});
connection.on("accepted", () => { accepted++; look(); });
connection.on("connection_close", () => console.log(JSON.stringify({ arrived: arrived.size, accepted, wrong })));
connection.on("disconnected", (context) => { if (context.error) console.log(`disconnected: ${context.error}`); });
