using Ferry.Server;
using Xunit;

namespace Ferry.Tests.Server;

/// <summary>The rate of log lines, with a clock of its own.</summary>
public sealed class LineRateTests
{
    private readonly Clock clock = new();
    private readonly List<int> counts = [];

    [Fact]
    public void Twenty_lines_a_second_pass_and_the_rest_is_counted_a_second_later()
    {
        using var rate = new LineRate(clock, counts.Add);

        Assert.Equal(20, Enumerable.Range(0, 120).Count(_ => rate.MayLog()));
        Assert.Empty(counts);
        clock.Advance();

        Assert.Equal([100], counts);
        Assert.Equal(20, Enumerable.Range(0, 20).Count(_ => rate.MayLog()));
        clock.Advance();
        Assert.Equal([100], counts);
    }

    [Fact]
    public void What_is_not_yet_counted_is_counted_at_the_end()
    {
        using (var rate = new LineRate(clock, counts.Add))
        {
            _ = Enumerable.Range(0, 23).Count(_ => rate.MayLog());
        }

        Assert.Equal([3], counts);
    }

    private sealed class Clock : TimeProvider
    {
        private readonly List<Timer> timers = [];
        private long seconds = 1;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => seconds;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Assert.Equal((TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan), (dueTime, period));
            var timer = new Timer(() => callback(state));
            timers.Add(timer);
            return timer;
        }

        /// <summary>A second passes.</summary>
        public void Advance()
        {
            seconds++;
            foreach (Timer timer in timers.ToArray())
            {
                timer.Ring();
            }
        }

        private sealed class Timer(Action ring) : ITimer
        {
            private bool over;

            public void Ring()
            {
                if (!over)
                {
                    over = true;
                    ring();
                }
            }

            public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

            public void Dispose() => over = true;

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
