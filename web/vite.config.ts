import { defineConfig } from "vite";

export default defineConfig({
  worker: { format: "es" },
  build: {
    target: "es2022",
    // MapLibre is one large library; it is all needed at once.
    chunkSizeWarningLimit: 2000,
    // Inlined files would need data: in more of the content security policy.
    assetsInlineLimit: 0,
    rolldownOptions: { input: ["index.html", "docs.html"] },
  },
});
