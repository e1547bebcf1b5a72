import { defineConfig } from "vite";

/* One page, hashed names, nothing inline: the door serves it under a policy without inline script or style. */
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
