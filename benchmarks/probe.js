// Runs inside the page that is measured, and measures there: once evaluated, `probe` has what lab.py calls.
(() => {
  const ROOT = ".alwidget-root";
  const CARD = '[data-testid="card"]';
  const shown = () => document.querySelector(`${ROOT} ${CARD}`)?.getAttribute("data-item-id") ?? null;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  /** A task that is posted in an animation frame runs once that frame has been laid out and painted. */
  const afterPaint = (act) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = act;
    channel.port2.postMessage(0);
  };

  const seen = { cards: [], acks: [] };

  /** Run a cell; returns the seconds until the first card of its output is painted. */
  const firstCard = (index) =>
    new Promise((resolve) => {
      const notebook = window.jupyterapp.shell.currentWidget.content;
      notebook.activeCellIndex = index;
      notebook.deselectAll();
      const started = performance.now();
      window.running = window.jupyterapp.commands.execute("notebook:run-cell");
      const look = () => {
        const card = document.querySelector(`${ROOT}[data-state="ready"] ${CARD}`);
        if (card && card.getBoundingClientRect().height > 0 && card.textContent.trim()) {
          afterPaint(() => resolve((performance.now() - started) / 1000));
        } else {
          requestAnimationFrame(look);
        }
      };
      requestAnimationFrame(look);
    });

  // For every digit: until the page saw it, until the new card was in the document, until the frame with it was painted.
  // All from the moment of the key itself, so that waiting for a busy page counts; waiting for the frame is told apart.
  window.addEventListener(
    "keydown",
    (event) => {
      if (!/^Digit/.test(event.code)) {
        return;
      }
      const before = shown();
      const heard = performance.now();
      let changed = null;
      let frames = 0;
      const watch = new MutationObserver(() => {
        if (changed === null && shown() !== before) {
          changed = performance.now();
        }
      });
      watch.observe(document.querySelector(ROOT), { subtree: true, childList: true, attributes: true });
      const frame = () => {
        frames += 1;
        const began = performance.now();
        if (shown() === before) {
          requestAnimationFrame(frame);
          return;
        }
        watch.disconnect();
        afterPaint(() => {
          const painted = performance.now();
          const handling = (changed ?? heard) - event.timeStamp;
          const painting = painted - began;
          seen.cards.push({ painted: painted - event.timeStamp, handling, painting, frames });
        });
      };
      requestAnimationFrame(frame);
    },
    true,
  );

  // The front end measures this one itself, from the key to the kernel's acknowledgement.
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.name === "alwidget:ack") {
        seen.acks.push(entry.duration);
      }
    }
  }).observe({ type: "measure" });

  /** Answer cards as fast as the kernel acknowledges: the next key 5 ms after the last acknowledgement. */
  const backToBack = async ([keys, count]) => {
    const root = document.querySelector(ROOT);
    for (let i = 0; i < count; i += 1) {
      while (shown() === null) {
        await pause(20);
      }
      const key = keys[shown()] ?? "1";
      const acks = seen.acks.length;
      const options = { key, code: `Digit${key}`, bubbles: true, composed: true, cancelable: true };
      root.getRootNode().activeElement.dispatchEvent(new KeyboardEvent("keydown", options));
      for (let waited = 0; seen.acks.length === acks && waited < 30_000; waited += 1) {
        await pause(1);
      }
      await pause(5);
    }
  };

  /** Forget what was seen so far. */
  const clear = () => {
    seen.cards.length = 0;
    seen.acks.length = 0;
  };

  window.probe = { firstCard, backToBack, clear, seen };
})();
