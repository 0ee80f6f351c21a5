import FoundationEssentials
import Shared

/// The text output of `qstat -f` and `pbsnodes -a`: objects with attributes.
///
/// Text, since JSON is worse here: the qstat of OpenPBS's main branch prints only the first
/// of several jobs with `-F json`, and 23.06.06 prints values that look like numbers bare,
/// so that a job named inf makes the whole output invalid.
enum PBSText {
  /// One job or node: its name and its attributes, the first of each name.
  struct Object: Sendable, Equatable {
    var name: String
    var attributes: [String: String] = [:]
    /// Whether the empty line that ends an object was there: output may be cut off anywhere.
    var isWhole = false

    /// A list of NAME=VALUE items, such as Variable_List; a comma in a value is escaped.
    func list(_ attribute: String) -> [String: String] {
      var result: [String: String] = [:]
      var name: String?
      var octets: [UInt8] = []
      var isEscaped = false
      func end() {
        if let name { result[name] = String(decoding: octets, as: UTF8.self) }
        name = nil
        octets.removeAll(keepingCapacity: true)
      }
      for octet in (attributes[attribute] ?? "").utf8 {
        if isEscaped {
          octets.append(octet)
          isEscaped = false
        } else if octet == UInt8(ascii: "\\") {
          isEscaped = true
        } else if octet == UInt8(ascii: ",") {
          end()
        } else if octet == UInt8(ascii: "="), name == nil {
          name = String(decoding: octets, as: UTF8.self)
          octets.removeAll(keepingCapacity: true)
        } else {
          octets.append(octet)
        }
      }
      end()
      return result
    }
  }

  /// Cuts the output into objects. A long value is continued on lines that begin with a tab.
  /// - Parameter prefix: what stands before an object's name: "Job Id: ", or nothing.
  static func parse(_ output: Data, prefix: String) -> [Object] {
    var objects: [Object] = []
    var attribute: String?
    let prefix = Array(prefix.utf8)
    // By octets: to a String, a carriage return and a line feed are one character, and cutting
    // Strings was most of what a busy broker did.
    var lines = Array(output).split(separator: 0x0A, omittingEmptySubsequences: false)
    // What follows the last line feed: nothing, or a line that was cut off.
    let rest = lines.removeLast()
    for line in lines {
      if isContinuation(line) { objects.doubtLast() }
      if line.isEmpty {
        if objects.last?.attributes.isEmpty == false { objects[objects.count - 1].isWhole = true }
        attribute = nil
      } else if line.first == UInt8(ascii: "\t") {
        if let attribute, !objects.isEmpty {
          objects[objects.count - 1].attributes[attribute]?.append(text(line.dropFirst()))
        }
      } else if line.first == UInt8(ascii: " ") {
        attribute = nil
        // An attribute's name has no equals sign; "NAME = VALUE", an empty value "NAME = ".
        guard let equals = line.firstIndex(of: UInt8(ascii: "=")), !objects.isEmpty else {
          continue
        }
        let name = text(trimmed(line[..<equals]))
        guard objects[objects.count - 1].attributes[name] == nil else { continue }
        objects[objects.count - 1].attributes[name] = text(line[equals...].dropFirst(2))
        attribute = name
      } else if line.starts(with: prefix) {
        attribute = nil
        objects.append(Object(name: text(line.dropFirst(prefix.count))))
      }
    }
    if isContinuation(rest) { objects.doubtLast() }
    return objects
  }

  private static func text(_ octets: ArraySlice<UInt8>) -> String {
    String(decoding: octets, as: UTF8.self)
  }

  private static func trimmed(_ octets: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    let end = octets.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? octets.startIndex
    return octets[..<end].drop(while: isBlank)
  }

  /// Whether a line belongs to the object before it. Then an empty line between the two was in
  /// a value, and not the end that it looked like.
  private static func isContinuation(_ line: ArraySlice<UInt8>) -> Bool {
    line.first == UInt8(ascii: " ") || line.first == UInt8(ascii: "\t")
  }
}

extension [PBSText.Object] {
  fileprivate mutating func doubtLast() {
    if !isEmpty { self[count - 1].isWhole = false }
  }
}
