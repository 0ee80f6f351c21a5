import Glibc

/// What the kernel says of this process (proc_pid_stat(5), proc_pid_fd(5)).
public struct ProcessUsage: Sendable, Equatable {
  /// Seconds.
  public var cpu = 0.0
  /// Octets.
  public var resident = 0.0
  public var virtual = 0.0
  public var descriptors = 0
  public var mostDescriptors = 0.0
  /// Seconds since the Unix epoch.
  public var started = 0.0

  /// The present usage; what cannot be read is 0.
  public static func now() -> ProcessUsage {
    var usage = ProcessUsage()
    // The name in parentheses may hold blanks and parentheses itself.
    let stat = read("/proc/self/stat")
    let fields = stat.suffix(from: stat.lastIndex(of: ")") ?? stat.startIndex)
      .split(separator: " ").map(String.init)
    let ticks = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
    // Numbered from 1 in the manual, of which ")" is the second.
    func field(_ number: Int) -> Double {
      number - 2 < fields.count ? Double(fields[number - 2]) ?? 0 : 0
    }
    usage.cpu = (field(14) + field(15)) / ticks
    usage.virtual = field(23)
    usage.resident = field(24) * Double(sysconf(Int32(_SC_PAGESIZE)))
    var now = timespec()
    var boot = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    clock_gettime(CLOCK_BOOTTIME, &boot)
    let booted = Double(now.tv_sec - boot.tv_sec) + Double(now.tv_nsec - boot.tv_nsec) / 1e9
    usage.started = booted + field(22) / ticks
    usage.descriptors = descriptorCount()
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      usage.mostDescriptors = Double(limit.rlim_cur)
    }
    return usage
  }

  private static func read(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(descriptor, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
  }

  private static func descriptorCount() -> Int {
    guard let folder = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // ".", ".." and the folder's own.
    return max(count - 3, 0)
  }
}
