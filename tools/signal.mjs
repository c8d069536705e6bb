// The signalling server of the demo's call: rooms of two, nothing stored. `npm run signal -- --port 8788`.
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';

const MOST_BYTES = 64 * 1024;
const MOST_ROOMS = 1000;
const MESSAGES_PER_S = 100;
/** How long the seat of a broken line is kept. */
const GRACE_MS = 8000;
const HEARTBEAT_MS = 10_000;
const CLEAN = new Set([1000, 1001]);
/** Messages kept for a seat whose line is broken. */
const MOST_KEPT = 200;

const text = (value, most) => typeof value === 'string' && value.length > 0 && value.length <= most;

/** Starts a server; resolves with its port and what closes it. */
export function signalServer({ port = 8788, host = '127.0.0.1', graceMs = GRACE_MS } = {}) {
  /** Room name → two seats, each { id, socket, grace, kept } or undefined. */
  const rooms = new Map();
  const server = new WebSocketServer({ port, host, maxPayload: MOST_BYTES });
  const tell = (seat, message) => seat?.socket?.send(JSON.stringify(message));

  const vacate = (name, person) => {
    const seats = rooms.get(name);
    if (!seats) return;
    clearTimeout(seats[person]?.grace);
    seats[person] = undefined;
    tell(seats[1 - person], { type: 'peer', id: null });
    if (!seats[0] && !seats[1]) rooms.delete(name);
  };

  /** The person that `id` becomes in the room, or why it may not come in. */
  const seatFor = (name, id) => {
    if (!rooms.has(name) && rooms.size >= MOST_ROOMS) return { refused: 'there are too many rooms' };
    const seats = rooms.get(name) ?? [undefined, undefined];
    const mine = seats.findIndex((seat) => seat?.id === id);
    const person = mine >= 0 ? mine : seats.findIndex((seat) => !seat);
    if (person < 0) return { refused: 'two people are in it already' };
    rooms.set(name, seats);
    clearTimeout(seats[person]?.grace);
    const old = seats[person]?.socket;
    return { seats, person, old };
  };

  server.on('connection', (socket) => {
    let place;
    let [second, count] = [0, 0];
    socket.alive = true;
    socket.on('pong', () => {
      socket.alive = true;
    });
    socket.on('error', () => socket.terminate());
    socket.on('message', (data, binary) => {
      const now = Math.floor(Date.now() / 1000);
      if (now !== second) [second, count] = [now, 0];
      if (binary || ++count > MESSAGES_PER_S) return socket.close(1008);
      let message;
      try {
        message = JSON.parse(data.toString());
      } catch {
        return socket.close(1008);
      }
      if (message?.type === 'join' && !place && text(message.room, 64) && text(message.id, 64)) {
        const { refused, seats, person, old } = seatFor(message.room, message.id);
        if (refused) {
          socket.send(JSON.stringify({ type: 'refused', reason: refused }));
          return socket.close(1000);
        }
        place = { room: message.room, person };
        const kept = seats[person]?.kept ?? [];
        seats[person] = { id: message.id, socket, kept: [] };
        old?.terminate();
        tell(seats[person], { type: 'seat', person });
        const peer = seats[1 - person];
        tell(seats[person], { type: 'peer', id: peer?.id ?? null });
        for (const each of kept) tell(seats[person], each);
        tell(peer, { type: 'peer', id: message.id });
      } else if (message?.type === 'message' && place) {
        const peer = rooms.get(place.room)?.[1 - place.person];
        if (peer?.id !== message.to) return;
        const passed = { type: 'message', data: message.data };
        if (peer.socket) tell(peer, passed);
        else if (peer.kept.push(passed) > MOST_KEPT) peer.kept.shift();
      }
    });
    socket.on('close', (code) => {
      const seat = place && rooms.get(place.room)?.[place.person];
      if (seat?.socket !== socket) return;
      seat.socket = undefined;
      if (CLEAN.has(code)) vacate(place.room, place.person);
      else seat.grace = setTimeout(() => vacate(place.room, place.person), graceMs);
    });
  });

  const heartbeat = setInterval(() => {
    for (const socket of server.clients) {
      if (!socket.alive) socket.terminate();
      socket.alive = false;
      socket.ping();
    }
  }, HEARTBEAT_MS);

  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () =>
      resolve({
        port: server.address().port,
        /** Breaks every line, as a lost network does. */
        cut() {
          for (const socket of server.clients) socket.terminate();
        },
        close() {
          clearInterval(heartbeat);
          for (const seats of rooms.values()) for (const seat of seats) clearTimeout(seat?.grace);
          for (const socket of server.clients) socket.terminate();
          return new Promise((done) => server.close(done));
        },
      }),
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, other) => {
    const at = process.argv.indexOf(`--${name}`);
    return at > 0 ? process.argv[at + 1] : other;
  };
  const [port, host] = [Number(option('port', 8788)), option('host', '127.0.0.1')];
  await signalServer({ port, host });
  console.log(`Signalling at ws://${host}:${port}. Rooms of two; nothing is stored.`);
}
