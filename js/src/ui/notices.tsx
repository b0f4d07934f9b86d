import { useApp, useState_ } from "./context";

/** What should be read once. It stands below the status line, so that it moves nothing that is being read. */
export function Notices() {
  const { controller } = useApp();
  const { toasts } = useState_();
  if (toasts.length === 0) {
    return null;
  }
  return (
    <div class="alwidget-notices" role="log" aria-label="notices">
      {toasts.map(({ key, level, text }) => (
        <div key={key} class={`alwidget-notice is-${level}`} data-testid="notice">
          <span class="alwidget-notice-text" dir="auto">
            {text}
          </span>
          <button type="button" class="alwidget-close" aria-label="dismiss" onClick={() => controller.dismiss(key)}>
            <span aria-hidden="true">×</span>
          </button>
        </div>
      ))}
    </div>
  );
}
