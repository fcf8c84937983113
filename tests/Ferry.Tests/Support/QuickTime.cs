namespace Ferry.Tests.Support;

/// <summary>A clock whose pauses are over at once, and are noted.</summary>
internal sealed class QuickTime : TimeProvider
{
    public List<TimeSpan> Pauses { get; } = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Pauses.Add(dueTime);
        return base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
