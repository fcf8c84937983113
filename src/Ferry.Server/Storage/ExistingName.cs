using Ferry.Native;

namespace Ferry.Server.Storage;

/// <summary>Whether a file may come under a name that exists.</summary>
internal static class ExistingName
{
    /// <summary>How often a name may come and go between two calls before somebody is playing.</summary>
    public const int MostAttempts = 100;

    /// <summary>After that many attempts.</summary>
    public static FerryException NeverSettles(FerryPath name) =>
        new(FerryErrorCode.Exists, $"{name} appears and vanishes all the time; another program is using the name");

    /// <summary>Nothing is free beside a name.</summary>
    public static FerryException NumbersAreTaken(FerryPath name) =>
        new(FerryErrorCode.Exists, $"{name} and all its numbers up to {NumberedName.Highest} exist already");

    /// <summary>Refuses a directory that arrives in one step and that what stands under its name does not let in.</summary>
    /// <param name="name">The name.</param>
    /// <param name="status">What stands there.</param>
    /// <param name="policy">The server's choice.</param>
    /// <exception cref="FerryException">The directory may not come, neither there nor beside it.</exception>
    public static void CheckDirectory(FerryPath name, in FileStatus status, ExistingFiles policy)
    {
        if (!status.IsDirectory)
        {
            throw new FerryException(FerryErrorCode.NotDirectory, $"cannot store {name}: {status.Kind} has that name; a directory never replaces one");
        }
        switch (policy)
        {
            case ExistingFiles.Keep:
                throw new FerryException(FerryErrorCode.Exists, $"{name} exists already, and this server keeps what exists");
            case ExistingFiles.Refuse:
                throw new FerryException(FerryErrorCode.Exists, $"{name} exists already, and this server refuses to replace it; send it under another name");
            case ExistingFiles.Replace when status.IsMountRoot:
                throw new FerryException(FerryErrorCode.CrossesMount, $"cannot replace {name}: a file system is mounted there");
        }
    }

    /// <summary>Refuses a file that what stands under its name does not let in.</summary>
    /// <param name="name">The name.</param>
    /// <param name="status">What stands there.</param>
    /// <param name="policy">The server's choice.</param>
    /// <exception cref="FerryException">The file may not come, neither there nor beside it.</exception>
    public static void Check(FerryPath name, in FileStatus status, ExistingFiles policy)
    {
        if (status.IsDirectory)
        {
            throw new FerryException(FerryErrorCode.IsDirectory, $"cannot store {name}: a directory has that name; a file never replaces one");
        }
        switch (policy)
        {
            case ExistingFiles.Keep:
                throw new FerryException(FerryErrorCode.Exists, $"{name} exists already, and this server keeps existing files");
            case ExistingFiles.Refuse:
                throw new FerryException(FerryErrorCode.Exists, $"{name} exists already, and this server refuses to replace files; send it under another name");
            case ExistingFiles.Replace when status.IsMountRoot:
                throw new FerryException(FerryErrorCode.CrossesMount, $"cannot replace {name}: a file is mounted there");
            case ExistingFiles.Replace when status.IsSymbolicLink:
                throw new FerryException(FerryErrorCode.SymbolicLink, $"cannot replace {name}: it is a symbolic link; only regular files are replaced");
            case ExistingFiles.Replace when !status.IsRegularFile:
                throw new FerryException(FerryErrorCode.Exists, $"cannot replace {name}: it is {status.Kind}; only regular files are replaced");
        }
    }
}
