using Ferry.Server.Storage;

namespace Ferry.Fuzz;

/// <summary>Whoever held an upload and is gone: the next one may have it at once.</summary>
internal sealed class GoneHolder : IUploadHolder
{
    public bool IsGone => true;

    public void GiveUp(FerryPath name)
    {
    }
}
