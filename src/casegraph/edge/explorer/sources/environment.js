/**
 * Where Monaco finds its workers. This module must run before anything imports Monaco.
 *
 * WORKER_FILES is put in by build.mjs: the names carry a hash that is only known once the workers
 * are built. They are classic scripts of our own origin, so `worker-src 'self'` is enough.
 */
globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    const file = WORKER_FILES[label] ?? WORKER_FILES.editor;
    return new Worker(new URL(file, import.meta.url), { name: label });
  },
};
