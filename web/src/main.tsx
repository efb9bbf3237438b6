import "./style/colours.css";
import "./style/page.css";
import "./style/map.css";
import "./style/views.css";
import { render } from "preact";
import { applyAppearance } from "./appearance.ts";
import { bays } from "./city/city.ts";
import { keepSamples } from "./city/samples.ts";
import { followCity } from "./live/follow.ts";
import { followAddress } from "./route.ts";
import { Shell } from "./shell.tsx";

window.__melpark = { map: null, bays, ready: false };
applyAppearance();
followAddress();
render(<Shell />, document.getElementById("app")!);
followCity();
keepSamples();
