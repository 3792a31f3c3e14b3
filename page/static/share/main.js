// The page of its own on which a phone shares; the run's page mounts the same panel.

import { mountShare } from "./panel.js";

window.share = mountShare(document.getElementById("share"));
