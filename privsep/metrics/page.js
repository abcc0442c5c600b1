/* SPDX-License-Identifier: ISC */
"use strict";
(function () {
	var EVERY_MS = 2000;

	function by(id) {
		return document.getElementById(id);
	}

	function size(bytes) {
		var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
		var i = 0;
		while (bytes >= 1024 && i < units.length - 1) {
			bytes /= 1024;
			i++;
		}
		return (i === 0 ? bytes : bytes.toFixed(1)) + " " + units[i];
	}

	function span(seconds) {
		if (seconds < 60)
			return seconds + " s";
		if (seconds < 3600)
			return Math.floor(seconds / 60) + " min";
		if (seconds < 86400)
			return Math.floor(seconds / 3600) + " h " + Math.floor(seconds % 3600 / 60) + " min";
		return Math.floor(seconds / 86400) + " d " + Math.floor(seconds % 86400 / 3600) + " h";
	}

	function set(id, text) {
		if (by(id))
			by(id).textContent = text;
	}

	function cell(row, text, name) {
		var td = row.insertCell();
		td.textContent = text;
		if (name)
			td.className = name;
		return td;
	}

	function showSessions(data) {
		var body = document.createElement("tbody");
		body.id = "sessions";
		data.sessions.forEach(function (session) {
			var row = body.insertRow();
			var progress;
			cell(row, session.user || "\u2013");
			cell(row, session.address);
			cell(row, session.tls || "in clear");
			cell(row, session.state);
			cell(row, session.path, "path");
			progress = cell(row, "", "number");
			if (session.percent !== null) {
				var bar = document.createElement("progress");
				bar.max = 100;
				bar.value = session.percent;
				progress.append(bar, " " + session.percent + " %");
			} else if (session.transfer) {
				progress.textContent = size(session.bytes);
			}
			cell(row, session.transfer ? size(session.rate) + "/s" : "", "number");
			cell(row, span(data.time - session.since), "number");
		});
		if (data.sessions.length === 0)
			cell(body.insertRow(), "nobody", "soft").colSpan = 8;
		by("sessions").replaceWith(body);
	}

	function showBanned(banned) {
		var body = document.createElement("tbody");
		body.id = "banned";
		banned.forEach(function (ban) {
			var row = body.insertRow();
			cell(row, ban.address);
			cell(row, new Date(ban.until * 1000).toISOString().slice(0, 16).replace("T", " "));
			cell(row, ban.by);
		});
		if (banned.length === 0)
			cell(body.insertRow(), "none", "soft").colSpan = 3;
		by("banned").replaceWith(body);
	}

	function showGraph(samples) {
		var highest = 1024;
		samples.forEach(function (sample) {
			highest = Math.max(highest, sample.down, sample.up);
		});
		["down", "up"].forEach(function (which) {
			by("graph-" + which).setAttribute("points", samples.map(function (sample, i) {
				var x = 600 - (samples.length - 1 - i) * 4;
				return x + "," + (150 - Math.round(sample[which] * 140 / highest));
			}).join(" "));
		});
		set("graph-highest", size(highest) + "/s");
	}

	function show(data) {
		var last = data.throughput[data.throughput.length - 1] || { down: 0, up: 0 };
		set("live", data.live);
		set("down", size(last.down) + "/s");
		set("up", size(last.up) + "/s");
		set("bans", data.bans);
		set("uptime", span(data.time - data.started));
		Object.keys(data.counters).forEach(function (name) {
			var value = data.counters[name];
			set("counter-" + name, name.indexOf("bytes-") === 0 ? size(value) : value);
		});
		if (data.store && by("store")) {
			by("store").textContent = data.store.state;
			by("store").className = data.store.state === "up" ? "" : "bad";
			by("node").textContent = data.store.node.name || "–";
			by("node").className = data.store.node.standing === "known" && data.store.node.lease ? "" : "bad";
			Object.keys(data.store.lookups).forEach(function (name) {
				set("lookup-" + name, data.store.lookups[name]);
			});
		}
		showSessions(data);
		showBanned(data.banned);
		showGraph(data.throughput);
		by("trouble").textContent = data.draining ? "the server is stopping" : "";
	}

	function refresh() {
		fetch("sessions.json", { cache: "no-store" }).then(function (response) {
			if (!response.ok)
				throw new Error(response.status);
			return response.json();
		}).then(show).catch(function () {
			by("trouble").textContent = "no answer from the server";
		}).finally(function () {
			setTimeout(refresh, EVERY_MS);
		});
	}

	setTimeout(refresh, EVERY_MS);
}());
