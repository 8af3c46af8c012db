"""Models as the tools of this field export them, made short."""

from __future__ import annotations

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' id="Definitions_1" targetNamespace="http://bpmn.io/schema/bpmn" exporter="Camunda Modeler">\n'
)


def model(*body: str, process: str = "Process_1", outside: str = "") -> str:
    """A document with one process, whose elements are written without their prefix: ``<task id="A"/>``."""
    inner = "\n".join(body)
    text = f'{outside}<process id="{process}" isExecutable="true">\n{inner}\n</process>\n</definitions>\n'
    return HEAD.replace("bpmn:definitions", "definitions").replace("xmlns:bpmn=", "xmlns=") + text


def flows(*ends: str) -> str:
    """Sequence flows such as ``"a>b"`` or ``"a>b:${x > 5}"``, with ids f1, f2, ..."""
    made = []
    for number, each in enumerate(ends, start=1):
        path, _, condition = each.partition(":")
        source, target = path.split(">")
        inner = f'<conditionExpression xsi:type="tFormalExpression">{_escaped(condition)}</conditionExpression>'
        made.append(
            f'<sequenceFlow id="f{number}" sourceRef="{source}" targetRef="{target}">{inner if condition else ""}'
            "</sequenceFlow>"
        )
    return "\n".join(made)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


CAMUNDA = (
    HEAD
    + """  <bpmn:message id="Message_1" name="payment received" />
  <bpmn:error id="Error_1" name="no stock" errorCode="NO_STOCK" />
  <bpmn:process id="order" name="Handle order" isExecutable="true" camunda:historyTimeToLive="P30D">
    <bpmn:documentation>From the order to the parcel.</bpmn:documentation>
    <bpmn:laneSet id="LaneSet_1"><bpmn:lane id="Lane_1" name="Sales">
      <bpmn:flowNodeRef>Review</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>
    <bpmn:startEvent id="Start" name="Order placed"><bpmn:outgoing>Flow_1</bpmn:outgoing></bpmn:startEvent>
    <bpmn:sequenceFlow id="Flow_1" sourceRef="Start" targetRef="Review" />
    <bpmn:userTask id="Review" name="Review&#10;order" camunda:candidateGroups="clerks, managers">
      <bpmn:extensionElements><camunda:formData><camunda:formField id="amount" type="long" /></camunda:formData>
      </bpmn:extensionElements><bpmn:incoming>Flow_1</bpmn:incoming><bpmn:outgoing>Flow_2</bpmn:outgoing>
    </bpmn:userTask>
    <bpmn:boundaryEvent id="Late" name="too late" attachedToRef="Review"><bpmn:outgoing>Flow_9</bpmn:outgoing>
      <bpmn:timerEventDefinition id="T1"><bpmn:timeDuration xsi:type="bpmn:tFormalExpression">P2D</bpmn:timeDuration>
      </bpmn:timerEventDefinition></bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="Flow_2" sourceRef="Review" targetRef="Decide" />
    <bpmn:exclusiveGateway id="Decide" name="Approved?" default="Flow_no"><bpmn:incoming>Flow_2</bpmn:incoming>
    </bpmn:exclusiveGateway>
    <bpmn:sequenceFlow id="Flow_yes" name="yes" sourceRef="Decide" targetRef="Fork">
      <bpmn:conditionExpression
       xsi:type="bpmn:tFormalExpression">${approved &amp;&amp; amount &lt;= 1000}</bpmn:conditionExpression>
    </bpmn:sequenceFlow>
    <bpmn:sequenceFlow id="Flow_no" name="no" sourceRef="Decide" targetRef="Rejected" />
    <bpmn:endEvent id="Rejected" name="Order rejected"><bpmn:terminateEventDefinition id="X1" /></bpmn:endEvent>
    <bpmn:parallelGateway id="Fork" />
    <bpmn:sequenceFlow id="Flow_3" sourceRef="Fork" targetRef="Pack" />
    <bpmn:sequenceFlow id="Flow_4" sourceRef="Fork" targetRef="Paid" />
    <bpmn:serviceTask id="Pack" name="Pack goods" camunda:type="external" camunda:topic="packing" />
    <bpmn:boundaryEvent id="Lacking" name="out of stock" attachedToRef="Pack">
      <bpmn:errorEventDefinition id="E1" errorRef="Error_1" /></bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="Flow_8" sourceRef="Lacking" targetRef="Rejected" />
    <bpmn:sequenceFlow id="Flow_9" sourceRef="Late" targetRef="Rejected" />
    <bpmn:intermediateCatchEvent id="Paid" name="paid">
      <bpmn:messageEventDefinition id="M1" messageRef="Message_1" /></bpmn:intermediateCatchEvent>
    <bpmn:parallelGateway id="Join" />
    <bpmn:sequenceFlow id="Flow_5" sourceRef="Pack" targetRef="Join" />
    <bpmn:sequenceFlow id="Flow_6" sourceRef="Paid" targetRef="Join" />
    <bpmn:sequenceFlow id="Flow_7" sourceRef="Join" targetRef="Sent" />
    <bpmn:endEvent id="Sent" name="Order sent" />
    <bpmn:dataObjectReference id="Data_1" name="Order" dataObjectRef="DO_1" /><bpmn:dataObject id="DO_1" />
    <bpmn:textAnnotation id="Text_1"><bpmn:text>by hand</bpmn:text></bpmn:textAnnotation>
    <bpmn:association id="A1" sourceRef="Review" targetRef="Text_1" />
  </bpmn:process>
  <bpmndi:BPMNDiagram id="D1"><bpmndi:BPMNPlane id="P1" bpmnElement="order">
    <bpmndi:BPMNShape id="S1" bpmnElement="Start"><dc:Bounds x="1" y="2" width="3" height="4" /></bpmndi:BPMNShape>
  </bpmndi:BPMNPlane></bpmndi:BPMNDiagram>
</bpmn:definitions>
"""
)
"""As Camunda Modeler and bpmn.io write it: a prefix, a picture, extensions, a lane, a terminating end."""

SIGNAVIO = """<?xml version="1.0" encoding="utf-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:signavio="http://www.signavio.com"
 exporter="Signavio Process Editor, http://www.signavio.com" expressionLanguage="http://www.w3.org/TR/XPath"
 id="sid-1" targetNamespace="http://www.signavio.com">
 <collaboration id="sid-c"><extensionElements><signavio:signavioDiagramMetaData metaKey="k" metaValue=""/>
  </extensionElements><participant id="sid-p" name="Bank" processRef="sid-2"/></collaboration>
 <process id="sid-2" isClosed="false" isExecutable="false" name="Bank" processType="None">
  <laneSet id="sid-3"><lane id="sid-4" name="Clerk"><flowNodeRef>sid-a</flowNodeRef></lane></laneSet>
  <startEvent id="sid-s" name=""><outgoing>sid-f1</outgoing></startEvent>
  <task completionQuantity="1" id="sid-a" isForCompensation="false" name="Check loan" startQuantity="1"/>
  <exclusiveGateway gatewayDirection="Diverging" id="sid-g" name="Granted?"/>
  <exclusiveGateway gatewayDirection="Converging" id="sid-m" name=""/>
  <endEvent id="sid-e" name=""/>
  <sequenceFlow id="sid-f1" sourceRef="sid-s" targetRef="sid-m"/>
  <sequenceFlow id="sid-f2" sourceRef="sid-m" targetRef="sid-a"/>
  <sequenceFlow id="sid-f3" sourceRef="sid-a" targetRef="sid-g"/>
  <sequenceFlow id="sid-f4" name="yes" sourceRef="sid-g" targetRef="sid-e"/>
  <sequenceFlow id="sid-f5" name="again" sourceRef="sid-g" targetRef="sid-m"/>
 </process>
</definitions>
"""
"""As Signavio writes it: a pool, a lane, no conditions, ids instead of names, a loop."""
