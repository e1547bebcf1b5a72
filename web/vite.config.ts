import { defineConfig } from "vite";
import { serviceWorker } from "./service-worker/plugin.mjs";

/* One page, hashed names, nothing inline: the door serves it under a policy without inline script or style. */
export default defineConfig({
  plugins: [serviceWorker()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
