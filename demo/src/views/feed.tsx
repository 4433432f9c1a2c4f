/* feed.tsx: a feed. */
export function Feed() {
  return (
    <section class="view" id="view-feed" aria-labelledby="view-feed-title">
      <h2 id="view-feed-title">A feed</h2>
    </section>
  );
}
