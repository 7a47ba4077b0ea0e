"""From recipes to pictures: loading pipelines, batching, and the engine that draws."""
