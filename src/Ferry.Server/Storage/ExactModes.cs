namespace Ferry.Server.Storage;

/// <summary>
/// The modes that a new file gets just as asked for, whatever umask or access control list is at work: a file made with one of them needs no
/// call that sets it. Each is looked at once.
/// </summary>
internal sealed class ExactModes
{
    private readonly Dictionary<uint, bool> known = [];

    /// <summary>Whether files made with a mode have it; finds out by the given one.</summary>
    public bool IsExact(uint mode, StagedFile made)
    {
        if (!known.TryGetValue(mode, out bool exact))
        {
            exact = made.GetMode() == mode;
            known.Add(mode, exact);
        }
        return exact;
    }
}
