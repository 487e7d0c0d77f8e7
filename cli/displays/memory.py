"""Memory: `-m`."""

from skrouter.cli.displays.source import PREFIX, Parts, Source
from skrouter.cli.render import Column, Row, Table, grouped, memory_size, table, text


def _in_use(row: Row) -> int:
    return int(row.get("totalAllocFromHeap") or 0) - int(row.get("totalFreeToHeap") or 0)


MEMORY_COLUMNS = (
    Column("type", text("typeName")),
    Column("size", grouped("typeSize")),
    Column("batch", grouped("transferBatchSize")),
    Column("thread-max", grouped("localFreeListMax")),
    Column("total", lambda row: f"{_in_use(row):,}"),
    Column("in-threads", grouped("heldByThreads")),
    Column("rebal-in", grouped("batchesRebalancedToThreads")),
    Column("rebal-out", grouped("batchesRebalancedToGlobal")),
)


def memory(source: Source, _: bool) -> Parts:
    """Pools of objects, and the memory of the process."""
    pools = sorted(source.rows(PREFIX + "allocator"), key=lambda row: str(row.get("typeName")))
    if not pools:
        return ["No memory statistics available"]
    pooled = sum(_in_use(row) * int(row.get("typeSize") or 0) for row in pools)
    metrics = (source.rows(PREFIX + "routerMetrics") or [{}])[0]
    summary = tuple(
        memory_size(value)
        for value in (metrics.get("memoryUsage"), metrics.get("residentMemoryUsage"), pooled)
    )
    return [
        table("Memory Pools", MEMORY_COLUMNS, pools),
        Table("Memory Summary", ("VmSize", "RSS", "Pooled"), (summary,)),
    ]
