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
      var text = ""
      var isEscaped = false
      func end() {
        if let name { result[name] = text }
        name = nil
        text = ""
      }
      for character in attributes[attribute] ?? "" {
        if isEscaped {
          text.append(character)
          isEscaped = false
        } else if character == "\\" {
          isEscaped = true
        } else if character == "," {
          end()
        } else if character == "=", name == nil {
          name = text
          text = ""
        } else {
          text.append(character)
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
    // By octets: to a String, a carriage return and a line feed are one character.
    var lines = output.split(separator: 0x0A, omittingEmptySubsequences: false)
    // What follows the last line feed: nothing, or a line that was cut off.
    lines.removeLast()
    for octets in lines {
      let line = String(decoding: octets, as: UTF8.self)
      if line.isEmpty {
        if objects.last?.attributes.isEmpty == false { objects[objects.count - 1].isWhole = true }
        attribute = nil
      } else if line.first == "\t" {
        if let attribute, !objects.isEmpty {
          objects[objects.count - 1].attributes[attribute]?.append(contentsOf: line.dropFirst())
        }
      } else if line.first == " " {
        attribute = nil
        // An attribute's name has no equals sign; "NAME = VALUE", an empty value "NAME = ".
        guard let equals = line.firstIndex(of: "="), !objects.isEmpty else { continue }
        let name = line[..<equals].trimmingWhitespace()
        guard objects[objects.count - 1].attributes[name] == nil else { continue }
        objects[objects.count - 1].attributes[name] = String(line[equals...].dropFirst(2))
        attribute = name
      } else if line.hasPrefix(prefix) {
        attribute = nil
        objects.append(Object(name: String(line.dropFirst(prefix.count))))
      }
    }
    return objects
  }
}
