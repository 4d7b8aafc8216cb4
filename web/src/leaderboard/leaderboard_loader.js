// Fetches the leaderboard's program into the page and starts it; what goes wrong becomes the event of src/boards.rs.
{
  const failed = (error) => {
    console.error(error);
    dispatchEvent(new Event("leaderboard-failed"));
  };
  const script = document.createElement("script");
  script.src = "/leaderboard.js";
  script.onerror = () => failed("leaderboard.js could not be loaded");
  script.onload = () => wasm_bindgen({ module_or_path: "/leaderboard_bg.wasm" }).catch(failed);
  document.head.append(script);
}
