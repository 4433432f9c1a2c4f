// processes.mjs: programs that end when we do. Each runs in a process group of its own under a small shell that kills
// the group when its standard input closes, so that not even a killed test run leaves a browser behind.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const guard = '"$@" 3<&- < /dev/null & program=$!; { read -r _ <&3; kill -KILL 0; } & wait "$program"';

/** The first of the names, in order, that is a program on the PATH or an existing absolute path; or undefined. */
export function findProgram(...names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const places = names.filter(Boolean).flatMap((name) => [name, ...folders.map((folder) => join(folder, name))]);
  return places.find((path) => path.startsWith('/') && existsSync(path));
}

/**
 * Rejects when a promise takes longer than it may. What it was for is in the error; a function is asked then, to add
 * what is known by that time.
 */
export async function within(timeoutMs, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not within ${timeoutMs} ms: ${typeof what === 'function' ? what() : what}`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Starts a program. env replaces the environment. */
export function startProgram(program, args, { env = process.env } = {}) {
  let log = '';
  let ended = null;
  const watchers = new Set();
  const child = spawn('/bin/sh', ['-c', `exec 3<&0; ${guard}`, 'sh', program, ...args], {
    detached: true,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {}); // it has ended
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      log = (log + text).slice(-100_000);
      watchers.forEach((watch) => watch());
    });
  const exit = new Promise((resolve) => {
    const end = (why) => {
      ended = why;
      watchers.forEach((watch) => watch());
      resolve();
    };
    child.once('error', (error) => end(String(error)));
    child.once('exit', (code, signal) => end(`ended with ${signal ?? `status ${code}`}`));
  });
  const about = () => `${program}${ended ? ` ${ended}` : ''}; the end of its output:\n${log.slice(-3000)}`;

  return {
    about,

    /** Waits until the output matches; resolves to the match. Rejects at once when the program ends. */
    async says(pattern, timeoutMs = 60_000) {
      let watch;
      const said = new Promise((resolve, reject) => {
        watch = () => {
          const match = pattern.exec(log);
          if (match) resolve(match);
          else if (ended) reject(new Error(about()));
        };
        watchers.add(watch);
        watch();
      });
      try {
        return await within(timeoutMs, () => `${pattern} from ${about()}`, said);
      } finally {
        watchers.delete(watch);
      }
    },

    /** Ends it and all it started. */
    async stop() {
      const kill = (signal) => {
        try {
          return child.pid !== undefined && process.kill(-child.pid, signal);
        } catch {
          return false; // nobody is left
        }
      };
      kill('SIGKILL');
      await within(10_000, `the end of ${program}`, exit);
      for (let tries = 0; tries < 20 && kill(0); tries++) await sleep(25); // some are slow to go; zombies may stay
    },
  };
}

/** A folder of a program's own; remove it after the program's end. */
export function makeScratch(name) {
  const path = mkdtempSync(join(tmpdir(), `siren-rope-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }) };
}

/** A port that nobody listens on now, for programs that cannot choose one. */
export async function findPort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
