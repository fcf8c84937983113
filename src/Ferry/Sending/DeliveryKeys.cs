using System.Security.Cryptography;
using System.Text;
using Ferry.Wire;

namespace Ferry.Sending;

/// <summary>What a delivery is known by.</summary>
internal static class DeliveryKeys
{
    private const int RandomBytes = 16;

    /// <summary>A key that nobody else has.</summary>
    public static byte[] MakeNew() => RandomNumberGenerator.GetBytes(RandomBytes);

    /// <summary>The key that a user's own stands for: its bytes, or a hash where those are too many.</summary>
    public static byte[] Of(string key)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(key);
        return bytes.Length <= DeliveryKey.MostBytes ? bytes : SHA256.HashData(bytes);
    }
}
