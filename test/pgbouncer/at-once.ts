/** Runs the work for each item, so many of them at once. */
export async function atOnce<T>(
  count: number,
  items: IterableIterator<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const worker = async (): Promise<void> => {
    for (const item of items) await work(item)
  }
  await Promise.all(Array.from({ length: count }, worker))
}
