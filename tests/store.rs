//! A store of templates, written by hand: one policy for each thing that the built-in catalogue lacks.

use crate::bench::TestDir;

/// Key of all its policies.
pub const KEY: &str = r"Software\Policies\Acme\Agent";

impl TestDir {
    /// Writes the templates into the folder `store`.
    pub fn write_store(&self) {
        self.write("store/Acme.admx", ADMX);
        self.write("store/en-US/Acme.adml", ADML);
        self.write("store/de-DE/Acme.adml", ADML.replace(">Collect data<", ">Daten sammeln<"));
    }
}

const ADMX: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<policyDefinitions revision="1.0" schemaVersion="1.0"
    xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <policyNamespaces><target prefix="acme" namespace="Acme.Policies" /></policyNamespaces>
  <resources minRequiredRevision="1.0" />
  <supportedOn><definitions><definition name="Agent2" displayName="$(string.Agent2)" /></definitions></supportedOn>
  <categories>
    <category name="Acme" displayName="$(string.Acme)" />
    <category name="Agent" displayName="$(string.Agent)"><parentCategory ref="Acme" /></category>
  </categories>
  <policies>
    <policy name="Collect" class="Machine" displayName="$(string.Collect)" explainText="$(string.Collect_Help)"
        presentation="$(presentation.Collect)" key="Software\Policies\Acme\Agent" valueName="Collect">
      <parentCategory ref="Agent" /><supportedOn ref="Agent2" />
      <enabledValue><decimal value="1" /></enabledValue>
      <disabledValue><decimal value="0" /></disabledValue>
      <elements>
        <enum id="Level" valueName="Level" required="true">
          <item displayName="$(string.Basic)"><value><decimal value="1" /></value></item>
          <item displayName="$(string.Full)"><value><decimal value="3" /></value></item>
          <item displayName="$(string.Custom)"><value><string>own</string></value></item>
        </enum>
        <decimal id="Delay" valueName="Delay" minValue="5" maxValue="90" />
        <boolean id="Verbose" valueName="Verbose">
          <trueValue><decimal value="1" /></trueValue><falseValue><decimal value="0" /></falseValue>
        </boolean>
        <text id="Server" valueName="Server" required="true" maxLength="20" />
        <multiText id="Notes" valueName="Notes" />
        <list id="Paths" key="Software\Policies\Acme\Agent\Paths" valuePrefix="" />
        <list id="Users" key="Software\Policies\Acme\Agent\Users" explicitValue="true" />
      </elements>
    </policy>
    <policy name="Both" class="Both" displayName="$(string.Both)" explainText="$(string.Both)"
        key="Software\Policies\Acme\Agent" valueName="Both">
      <parentCategory ref="Agent" /><supportedOn ref="Agent2" />
    </policy>
    <policy name="TwinA" class="Machine" displayName="$(string.Twin)" explainText="$(string.Twin)"
        key="Software\Policies\Acme\Agent" valueName="Twin">
      <parentCategory ref="Agent" /><supportedOn ref="Agent2" />
    </policy>
    <policy name="TwinB" class="User" displayName="$(string.Twin)" explainText="$(string.Twin)"
        key="Software\Policies\Acme\Agent" valueName="TwinOfUser">
      <parentCategory ref="Acme" /><supportedOn ref="Agent2" />
    </policy>
    <policy name="OneWay" class="Machine" displayName="$(string.OneWay)" explainText="$(string.OneWay)"
        key="Software\Policies\Acme\Agent">
      <parentCategory ref="Agent" /><supportedOn ref="Agent2" />
      <enabledList>
        <item key="Software\Policies\Acme\Agent" valueName="OneWay"><value><decimal value="1" /></value></item>
      </enabledList>
    </policy>
  </policies>
</policyDefinitions>
"#;

const ADML: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<policyDefinitionResources revision="1.0" schemaVersion="1.0"
    xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions">
  <displayName>Acme</displayName>
  <description>Acme</description>
  <resources>
    <stringTable>
      <string id="Agent2">At least Agent 2</string>
      <string id="Acme">Acme</string>
      <string id="Agent">Agent</string>
      <string id="Collect">Collect data</string>
      <string id="Collect_Help">Decides what the agent collects.

It never collects passwords.</string>
      <string id="Basic">Only basics</string>
      <string id="Full">All of it</string>
      <string id="Custom">My own</string>
      <string id="Both">On either side</string>
      <string id="Twin">One name for two</string>
      <string id="OneWay">There is no way back</string>
    </stringTable>
    <presentationTable>
      <presentation id="Collect">
        <dropdownList refId="Level" defaultItem="0">How much:</dropdownList>
        <decimalTextBox refId="Delay" defaultValue="30">Delay in minutes</decimalTextBox>
        <checkBox refId="Verbose" defaultChecked="false">Write a log</checkBox>
        <textBox refId="Server"><label>Send to</label></textBox>
        <multiTextBox refId="Notes">Notes</multiTextBox>
        <listBox refId="Paths">Folders</listBox>
        <listBox refId="Users">Users and their folders</listBox>
      </presentation>
    </presentationTable>
  </resources>
</policyDefinitionResources>
"#;
