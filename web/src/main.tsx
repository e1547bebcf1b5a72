/* Where the pages begin: the page of the address is drawn into #app. */
import { render } from "preact";

const app = document.getElementById("app");
if (app) render(<h1>Seawall</h1>, app);
