/* Endcap: what shoppers do, in batches. */
(function (w, d, n) {
 var s = d.currentScript, at = function (x) { return s.getAttribute("data-" + x); },
  url = new URL("collect", s.src).href + "?key=" + at("key"), wait = +at("wait") || 2000, most = 20,
  open = at("consent") !== "required" && !n.globalPrivacyControl, user = "", queue = [], timer = 0, own, failed = 0;
 function uid() {
  return Date.now().toString(36) + Math.random().toString(36).slice(2);
 }
 function kept(value) {
  try {
   if (value === null) localStorage.removeItem("endcap.session");
   else if (value) localStorage.setItem("endcap.session", value);
   return localStorage.getItem("endcap.session");
  } catch (e) {}
 }
 function session() {
  own = own || (open && kept()) || uid();
  if (open) kept(own);
  return own;
 }
 function post(call, leaving, back) {
  var body = JSON.stringify(call);
  if (leaving && n.sendBeacon) n.sendBeacon(url, body) || back();
  else fetch(url, { method: "POST", body: body, keepalive: true, headers: { "content-type": "text/plain" } })
   .then(function (r) { if (r.status > 428) back(); else failed = 0; }, back);
 }
 function send(leaving) {
  clearTimeout(timer);
  timer = 0;
  if (!open || !queue.length) return;
  var part = queue.splice(0, most);
  post({ session_id: session(), user_id: user || undefined, events: part }, leaving, function () {
   queue = part.concat(queue).slice(0, 200);
   failed = 1;
   later();
  });
  if (queue.length) leaving ? send(leaving) : later();
 }
 function later() { timer = timer || setTimeout(send, failed ? 10000 : wait); }
 function track(type, item, more) {
  var event = { event_type: type, event_id: uid(), timestamp: Date.now() }, name;
  if (item && typeof item === "object") more = item;
  else if (item) event.item_id = "" + item;
  for (name in more) event[name] = more[name];
  queue.push(event);
  queue = queue.slice(-200);
  queue.length < most || failed ? later() : send();
 }
 var calls = {
  track: track,
  identify: function (id) { user = "" + (id || ""); track("Login"); },
  shown: function (id, items) { track("Impression", { recommendation_id: id, impression: items }); },
  consent: function (given) {
   open = !!given;
   if (open) later();
   else queue = [], own = user = "", kept(null);
  },
  session: session,
  flush: function () { send(); }
 };
 function call(args) { return calls[args[0]] && calls[args[0]].apply(0, [].slice.call(args, 1)); }
 var before = (w.endcap && w.endcap.q) || [], layer = at("layer");
 w.endcap = function () { return call(arguments); };
 [].forEach.call(before, call);
 if (layer) {
  layer = w[layer] = w[layer] || [];
  var push = layer.push, hear = function (o) {
   if (open && o && o.ecommerce) post({ client_id: session(), user_id: user || undefined, events: [o] }, 1, function () {});
  };
  layer.forEach(hear);
  layer.push = function (o) { hear(o); return push.apply(layer, arguments); };
 }
 d.addEventListener("visibilitychange", function () { if (d.visibilityState === "hidden") send(1); });
 w.addEventListener("pagehide", function () { send(1); });
})(window, document, navigator);
