import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

// All that index.html can load, MapLibre included. The API's description is a page of its own.
const MOST_KILOBYTES = 400;

/** Fails the build when the dashboard's JavaScript has grown too large. */
function budget(): Plugin {
  return {
    name: "budget",
    writeBundle(options, bundle) {
      const needed = new Set<string>();
      const need = (name: string): void => {
        const chunk = bundle[name];
        if (needed.has(name) || chunk?.type !== "chunk") return;
        needed.add(name);
        for (const other of [...chunk.imports, ...chunk.dynamicImports]) need(other);
      };
      for (const chunk of Object.values(bundle)) {
        if (chunk.type === "chunk" && chunk.isEntry && chunk.name === "index") need(chunk.fileName);
      }
      const bytes = [...needed].map(
        (name) => gzipSync(readFileSync(`${options.dir}/${name}`), { level: 9 }).length,
      );
      const kilobytes = Math.ceil(bytes.reduce((sum, size) => sum + size, 0) / 1000);
      console.log(`JavaScript of the dashboard: ${kilobytes} kB compressed, at most ${MOST_KILOBYTES}`);
      if (needed.size === 0) this.error("The dashboard's entry was not found.");
      if (kilobytes > MOST_KILOBYTES) {
        this.error(
          `The dashboard's JavaScript is ${kilobytes} kB compressed; ${MOST_KILOBYTES} kB are the most.`,
        );
      }
    },
  };
}

export default defineConfig({
  plugins: [budget()],
  build: {
    target: "es2022",
    // MapLibre is one large library; it is all needed at once.
    chunkSizeWarningLimit: 2000,
    // Inlined files would need data: in more of the content security policy.
    assetsInlineLimit: 0,
    rolldownOptions: { input: ["index.html", "docs.html"] },
  },
});
