import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

import { icons } from "./build/icons";

const server = process.env.ENDCAP_URL ?? "http://127.0.0.1:8420";

// Two pages, one flat folder of files whose names carry their content's hash; the server serves it as /web/.
export default defineConfig({
  base: "/web/",
  plugins: [react(), icons()],
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    outDir: process.env.ENDCAP_WEB_OUT ?? "../src/endcap/web",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    rollupOptions: { input: { shop: "shop.html", console: "console.html" } },
  },
  server: { proxy: { "/shop/api": server, "/console/api": server } },
});
