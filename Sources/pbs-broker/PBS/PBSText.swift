import FoundationEssentials

/// The text output of `qstat -f -w` and `pbsnodes -av`: objects with attributes, each on one line.
///
/// Text, since JSON is worse here: the qstat of OpenPBS's main branch prints only the first
/// of several jobs with `-F json`, and 23.06.06 prints values that look like numbers bare,
/// so that a job named inf makes the whole output invalid. With `-w`, since qstat then writes a line
/// feed in a value as `\n`; without it a user's variable could hold whole objects of its own.
enum PBSText {
  /// One job or node: its name and its attributes, the first of each name.
  struct Object: Sendable, Equatable {
    var name: String
    var attributes: [String: String] = [:]
    /// Every line of it could be read, and the empty line that ends it was there.
    var isWhole = false
  }

  /// Whether the output stops somewhere before its end: every object ends with an empty line.
  static func isCut(_ output: Data) -> Bool {
    !output.isEmpty && !output.suffix(2).elementsEqual([0x0A, 0x0A])
  }

  /// Cuts the output into objects. A line that is none of an object's makes it one that is not
  /// whole, never another object.
  /// - Parameter prefix: what stands before an object's name: "Job Id: ", or nothing.
  static func parse(_ output: Data, prefix: String) -> [Object] {
    var objects: [Object] = []
    var isOpen = false
    var isDamaged = false
    let prefix = Array(prefix.utf8)
    // By octets: to a String, a carriage return and a line feed are one character, and cutting
    // Strings was most of what a busy broker did.
    // What follows the last line feed is nothing, or a line that was cut off.
    for line in Array(output).split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
      if line.isEmpty {
        if isOpen, !isDamaged, objects.last?.attributes.isEmpty == false {
          objects[objects.count - 1].isWhole = true
        }
        isOpen = false
      } else if let (name, value) = attribute(line) {
        guard isOpen else {
          // An end that was none: an empty line within the object.
          if !objects.isEmpty { objects[objects.count - 1].isWhole = false }
          continue
        }
        if objects[objects.count - 1].attributes[name] == nil {
          objects[objects.count - 1].attributes[name] = value
        }
      } else if !isOpen, !isBlank(line[line.startIndex]), line.starts(with: prefix) {
        objects.append(Object(name: text(line.dropFirst(prefix.count))))
        isOpen = true
        isDamaged = false
      } else if isOpen {
        isDamaged = true
      } else if !objects.isEmpty {
        objects[objects.count - 1].isWhole = false
      }
    }
    return objects
  }

  /// "    NAME = VALUE", of which the name has no equals sign; an empty value is "NAME = ".
  private static func attribute(_ line: ArraySlice<UInt8>) -> (String, String)? {
    guard line.first == UInt8(ascii: " "), let equals = line.firstIndex(of: UInt8(ascii: "=")),
      line[equals...].dropFirst().first == UInt8(ascii: " ")
    else { return nil }
    let end = line[..<equals].lastIndex { !isBlank($0) }.map { $0 + 1 } ?? line.startIndex
    let name = line[..<end].drop(while: isBlank)
    return name.isEmpty ? nil : (text(name), text(line[equals...].dropFirst(2)))
  }

  private static func text(_ octets: ArraySlice<UInt8>) -> String {
    String(decoding: octets, as: UTF8.self)
  }

  private static func isBlank(_ octet: UInt8) -> Bool {
    octet == UInt8(ascii: " ") || octet == UInt8(ascii: "\t")
  }
}
