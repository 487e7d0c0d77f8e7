// An AMQP client on rhea that does what it is told: a command a line on standard input, answers and news a line each on
// standard output. One connection. Commands have an `id`, which their answer repeats; news have an `event`.

import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const rhea = createRequire(process.cwd() + "/")("rhea");
const container = rhea.create_container();
const links = new Map();
let connection = null;
let opening = null;

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const answer = (id, fields = {}) => say({ id, ...fields });
const trouble = (error) =>
  error ? { condition: String(error.condition ?? ""), description: String(error.description ?? "") } : null;

// --- messages: long bodies are told by length and hash

function outgoing(message) {
  const made = { ...message };
  if (made.repeat) made.body = made.repeat[0].repeat(made.repeat[1]);
  delete made.repeat;
  return made;
}

function shown(body) {
  if (typeof body === "string" && body.length > 1000)
    return { length: body.length, sha: createHash("sha256").update(body).digest("hex") };
  return body === undefined ? null : body;
}

function incoming(message) {
  const fields = ["to", "reply_to", "subject", "correlation_id", "group_id", "content_type", "priority", "ttl", "durable",
    "application_properties", "message_annotations", "delivery_annotations", "footer"];
  const found = { body: shown(message.body) };
  for (const field of fields) if (message[field] !== undefined && message[field] !== null) found[field] = message[field];
  return found;
}

// --- commands

const commands = {
  connect({ id, port, options }) {
    opening = id;
    connection = container.connect({ host: "127.0.0.1", port, reconnect: false, username: "anonymous", ...options });
  },
  sender({ id, name, address, dynamic, capabilities, settled }) {
    const link = connection.open_sender({
      name, target: { address: address ?? undefined, dynamic, capabilities }, source: {}, autosettle: false,
      snd_settle_mode: settled ? 1 : 2, treat_modified_as_released: false,
    });
    links.set(name, { link, waiting: id, named: address || dynamic, sent: new Map(), count: 0 });
  },
  receiver({ id, name, address, dynamic, credit }) {
    const link = connection.open_receiver({
      name, source: { address: address ?? undefined, dynamic }, target: {}, credit_window: 0, autoaccept: false, autosettle: false,
    });
    links.set(name, { link, waiting: id, named: address || dynamic, arrived: new Map(), count: 0 });
    if (credit) link.add_credit(credit);
  },
  send({ id, name, message, settled }) {
    const known = links.get(name);
    const number = known.count++;
    const delivery = known.link.send(outgoing(message), String(number));
    known.sent.set(delivery.id, number);
    if (settled) delivery.update(true);
    answer(id, { number });
  },
  settle({ id, name, number, state, fields }) {
    const delivery = links.get(name).arrived.get(number);
    if (state === "accepted") delivery.accept();
    else if (state === "rejected") delivery.reject(fields);
    else if (state === "modified")
      delivery.update(true, rhea.message.modified(fields).described());
    else if (state === "released") delivery.release();
    else delivery.update(true);
    answer(id);
  },
  credit({ id, name, credit }) {
    const link = links.get(name).link;
    link.drain = false;                                       // rhea keeps it from the last drain
    link.add_credit(credit);
    answer(id);
  },
  state({ id, name }) { answer(id, { credit: links.get(name).link.credit }); },
  drain({ id, name }) { links.get(name).link.drain_credit(); answer(id); },
  detach({ id, name }) { const known = links.get(name); known.closing = id; known.link.close(); },
  close({ id }) { opening = id; connection.close(); },
  kill({ id }) { answer(id); connection.socket.destroy(); },
};

// --- news

const nameOf = (link) => [...links].find(([, known]) => known.link === link)?.[0];

function attached(link, terminus) {
  const known = links.get(nameOf(link));
  if (!known || known.waiting === null) return;
  const id = known.waiting;
  if (known.named && !terminus?.address) return;              // refused: the detach with the reason follows
  known.waiting = null;
  answer(id, { address: terminus?.address ?? null });
}

function outcome(context, state, fields = {}) {
  const name = nameOf(context.sender);
  const number = links.get(name)?.sent.get(context.delivery.id);
  say({ event: "outcome", name, number, state, settled: context.delivery.remote_settled, ...fields });
}

function ended(link, error) {
  const name = nameOf(link);
  const known = links.get(name);
  if (!known) return;
  if (known.waiting !== null) answer(known.waiting, { trouble: trouble(error) ?? { condition: "", description: "" } });
  else if (known.closing !== undefined) answer(known.closing);
  else say({ event: "detached", name, trouble: trouble(error) });
  known.waiting = null;
}

container.on("connection_open", () => { answer(opening, { container: connection.container_id }); opening = null; });
container.on("connection_close", (context) => { answer(opening, {}); if (!opening) say({ event: "closed", trouble: trouble(context.connection.error) }); });
container.on("connection_error", (context) => {
  const why = trouble(context.connection.get_error());
  if (opening !== null) { answer(opening, { trouble: why }); opening = null; } else say({ event: "closed", trouble: why });
});
container.on("disconnected", () => { say({ event: "disconnected" }); });
container.on("sender_open", (context) => attached(context.sender, context.sender.remote.attach.target));
container.on("receiver_open", (context) => attached(context.receiver, context.receiver.remote.attach.source));
container.on("sender_close", (context) => ended(context.sender, context.sender.error));
container.on("receiver_close", (context) => ended(context.receiver, context.receiver.error));
container.on("sender_error", (context) => ended(context.sender, context.sender.error));
container.on("receiver_error", (context) => ended(context.receiver, context.receiver.error));
container.on("sendable", (context) => say({ event: "credit", name: nameOf(context.sender), credit: context.sender.credit }));
container.on("receiver_drained", (context) => say({ event: "drained", name: nameOf(context.receiver) }));
container.on("message", (context) => {
  const name = nameOf(context.receiver);
  const known = links.get(name);
  const number = known.count++;
  known.arrived.set(number, context.delivery);
  say({ event: "message", name, number, settled: Boolean(context.delivery.remote_settled), message: incoming(context.message) });
});
container.on("accepted", (context) => outcome(context, "accepted"));
container.on("released", (context) => outcome(context, "released"));
container.on("rejected", (context) => outcome(context, "rejected", { error: trouble(context.delivery.remote_state.error) }));
container.on("modified", (context) => {
  const state = context.delivery.remote_state;
  outcome(context, "modified", { failed: Boolean(state.delivery_failed), undeliverable: Boolean(state.undeliverable_here),
    annotations: state.message_annotations ?? {} });
});
container.on("settled", (context) => {
  const name = nameOf(context.sender ?? context.receiver);
  const known = links.get(name);
  if (context.sender) {
    say({ event: "settled", name, number: known.sent.get(context.delivery.id) });
    context.delivery.update(true);
  }
});
container.on("error", (error) => say({ event: "error", text: String(error) }));

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    try {
      commands[command.op](command);
    } catch (error) {
      answer(command.id, { trouble: { condition: "driver", description: String(error?.stack ?? error) } });
    }
  })
  .on("close", () => process.exit(0));
